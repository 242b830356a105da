# SPDX-License-Identifier: BSD-2-Clause
# Completion for unfreed(1) in fish; commands and options are those that --help lists.

function __unfreed_commands
    unfreed --help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '$1\t$2'
end

# Processes with their names; of a list the last one.
function __unfreed_pids
    set -l before (string replace -rf '[^,]*$' '' -- (commandline -ct))
    for file in (string match -r '^/proc/[0-9]+/comm$' -- /proc/*/comm)
        set -l name (cat $file 2>/dev/null)
        and printf '%s%s\t%s\n' "$before" (string split / $file)[3] "$name"
    end
end

function __unfreed_names
    cat /proc/*/comm 2>/dev/null | sort -u
end

function __unfreed_containers
    cat /proc/*/cgroup 2>/dev/null | string match -v '*-conmon-*' |
        string match -r '[0-9a-f]{64}' | sort -u
end

function __unfreed_cgroups
    for directory in /sys/fs/cgroup/(commandline -ct)*/
        string replace /sys/fs/cgroup/ '' $directory
    end
end

function __unfreed_command
    set -l words (commandline -opc)
    echo $words[2]
end

function __unfreed_options
    unfreed (__unfreed_command) --help 2>/dev/null |
        string replace -rf '^ +(?:-., )?(--[a-z-]+)(?:=\S*)?(?: +(.*))?$' '$1\t$2'
end

# What --help says an option takes: --by=stack|line|…
function __unfreed_choices
    set -l words (commandline -opc)
    unfreed (__unfreed_command) --help 2>/dev/null |
        string replace -rf "^ +(?:-., )?$words[-1]=(\S+).*" '$1' | string split '|'
end

# Whether the word before is one of these.
function __unfreed_after
    set -l words (commandline -opc)
    contains -- "$words[-1]" $argv
end

function __unfreed_needs_command
    test (count (commandline -opc)) = 1
end

# Whether a command of the user's begins behind --; its words are completed as its own.
function __unfreed_traced
    contains -- -- (commandline -opc)
end

# As fish counts them: without options.
function __unfreed_words_before_command
    set -l words (commandline -opc)
    set -l end (contains -i -- -- $words)
    count (string match -rv '^-|=' -- $words[1..$end])
end

function __unfreed_free
    not __unfreed_needs_command
    and not __unfreed_traced
    and not __unfreed_after -p --pid --comm --container --cgroup -o --output -f --format --diff \
        --core --root --config --exec --history --report --token-file --app --attach --sites --by --count --malloc --python -d --duration -i --interval \
        --older-than --top --max-blocks --max-stacks --max-memory --history-size --budget --fail-above --host --listen --webhook --looks --watch \
        --holders --alloc-fn
end

complete -c unfreed -f
complete -c unfreed -n __unfreed_needs_command -a '(__unfreed_commands)'
complete -c unfreed -n '__unfreed_after -p --pid' -a '(__unfreed_pids)'
complete -c unfreed -n '__unfreed_after --comm' -a '(__unfreed_names)'
complete -c unfreed -n '__unfreed_after --container' -a '(__unfreed_containers)'
complete -c unfreed -n '__unfreed_after --cgroup' -a '(__unfreed_cgroups)'
complete -c unfreed -n '__unfreed_after -o --output --diff --core --root --config --exec --history --report --token-file --app --suppressions' -F
complete -c unfreed -n '__unfreed_after -f --format; and test (__unfreed_command) = heap' \
    -a 'text json dot svg'
complete -c unfreed -n '__unfreed_after -f --format; and test (__unfreed_command) = diff' \
    -a 'text folded html json'
complete -c unfreed -n '__unfreed_after -f --format; and not contains (__unfreed_command) heap diff' \
    -a 'text folded svg html pprof json'
complete -c unfreed -n '__unfreed_after --attach' -a 'auto session multi perf'
complete -c unfreed -n '__unfreed_after --sites' -a 'auto direct entry both'
complete -c unfreed -n '__unfreed_after --by --count --malloc --python' -a '(__unfreed_choices)'
complete -c unfreed -n '__unfreed_free; and string match -q -- "-*" (commandline -ct)' \
    -a '(__unfreed_options)'
complete -c unfreed -n '__unfreed_free; and contains (__unfreed_command) report diff' -F
complete -c unfreed -n '__unfreed_free; and not contains (__unfreed_command) report diff' \
    -a '(__unfreed_pids)'
complete -c unfreed -n __unfreed_traced \
    -a '(__fish_complete_subcommand --fcs-skip=(__unfreed_words_before_command))'
