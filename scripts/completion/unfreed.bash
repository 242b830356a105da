# SPDX-License-Identifier: BSD-2-Clause
# Completion for unfreed(1) in bash.

# Where several fit they are listed with their names; what is put in is the number alone. A word that
# is no number is how a name begins.
_unfreed_pids()
{
    local prefix="" word=${1##*,} directory name fit
    [[ $1 == *,* ]] && prefix=${1%,*},
    COMPREPLY=()
    for directory in /proc/[0-9]*; do
        name=""
        { read -r name <"$directory/comm"; } 2>/dev/null || continue
        fit=${directory#/proc/}
        [[ $fit == "$word"* || ($word == [!0-9]* && $name == "$word"*) ]] || continue
        COMPREPLY+=("$prefix$fit -- $name")
    done
    # a list is shown only where keys that list are pressed (9, 33, 63, 64); others put it in
    if ((${#COMPREPLY[@]} == 1)) || [[ $COMP_TYPE != 9 && $COMP_TYPE != 33 && $COMP_TYPE != 63 &&
        $COMP_TYPE != 64 ]]; then
        COMPREPLY=("${COMPREPLY[@]%% -- *}")
    fi
    ((${#COMPREPLY[@]}))
}

_unfreed_names()
{
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(cat /proc/[0-9]*/comm 2>/dev/null | sort -u)" -- "$1"))
}

# The IDs of containers, where the names of cgroups end in one.
_unfreed_containers()
{
    local ids
    ids=$(cat /proc/[0-9]*/cgroup 2>/dev/null | grep -v -e -conmon- | grep -oE '[0-9a-f]{64}' | sort -u)
    COMPREPLY=($(compgen -W "$ids" -- "$1"))
}

# Directories below where cgroups are mounted, absolute or relative to that.
_unfreed_cgroups()
{
    compopt -o filenames -o nospace 2>/dev/null
    if [[ $1 == /sys/* ]]; then
        COMPREPLY=($(compgen -d -S / -- "$1"))
    else
        COMPREPLY=($(cd "/sys/fs/cgroup" 2>/dev/null && compgen -d -S / -- "$1"))
    fi
}

_unfreed_files()
{
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$1"))
}

# The command behind `--` is completed as itself. Returns 1 where there is none.
_unfreed_traced_command()
{
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        if declare -F _command_offset >/dev/null; then
            _command_offset $((i + 1))
        elif ((COMP_CWORD == i + 1)); then
            COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
        else
            _unfreed_files "${COMP_WORDS[COMP_CWORD]}"
        fi
        return 0
    done
    return 1
}

_unfreed()
{
    local IFS=$' \t\n' word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} options
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "why heap record monitor report diff doctor --help --version" -- "$word"))
        return
    fi
    [[ $command == record || $command == why ]] && _unfreed_traced_command && return

    case $previous in
    -p | --pid) _unfreed_pids "$word" && return ;;
    --comm) _unfreed_names "$word"; return ;;
    --container) _unfreed_containers "$word"; return ;;
    --cgroup) IFS=$'\n' _unfreed_cgroups "$word"; return ;;
    -o | --output | --diff | --core | --config | --exec | --history | --report | --token-file | --app | --suppressions) IFS=$'\n' _unfreed_files "$word" && return ;;
    -f | --format)
        local formats="text folded svg html pprof json"
        [[ $command == heap ]] && formats="text json dot svg"
        [[ $command == diff ]] && formats="text folded html json"
        COMPREPLY=($(compgen -W "$formats" -- "$word"))
        return
        ;;
    --attach)
        COMPREPLY=($(compgen -W "auto session multi perf" -- "$word"))
        return
        ;;
    --sites)
        COMPREPLY=($(compgen -W "auto direct entry both" -- "$word"))
        return
        ;;
    --by)
        COMPREPLY=($(compgen -W "stack pid line function app file module" -- "$word"))
        return
        ;;
    --malloc)
        COMPREPLY=($(compgen -W "auto exact off" -- "$word"))
        return
        ;;
    --python)
        COMPREPLY=($(compgen -W "auto exact pools off" -- "$word"))
        return
        ;;
    --count)
        COMPREPLY=($(compgen -W "bytes blocks" -- "$word"))
        return
        ;;
    -d | --duration | -i | --interval | --older-than | --top | --max-blocks | --max-stacks | \
        --budget | --history-size | --fail-above | --host | --listen | --webhook | --looks | --watch | --holders | --max-memory | --alloc-fn)
        return
        ;;
    esac

    local output="-o --output -f --format --count --by --app --alloc-fn --top --all-stacks"
    local target="-p --pid --comm --match --container --cgroup"
    case $command in
    why)
        options="$target -d --duration -o --output --top --fail-above --with-keys --max-memory
                 -q --quiet -v --verbose --help --"
        ;;
    heap)
        options="$target --core --root -i --interval --looks --diff --holders --watch
                 --follow-forks -d --duration -o --output -f --format --top --with-keys --max-memory
                 --lost --freeze -q --quiet -v --verbose --help"
        ;;
    record)
        options="$target -d --duration -i --interval --older-than --peak $output --follow-forks
                 --exact --budget --growth --reachability --freeze --max-memory --malloc --python
                 --native-interpreter --attach --sites --max-blocks --max-stacks --with-arguments -q
                 --quiet -v --verbose --help --"
        ;;
    monitor)
        options="$target --config -i --interval --host --listen --budget --exec --history
                 --history-size --report --report-now --token-file --webhook -d --duration --with-keys --max-memory -q
                 --quiet -v --verbose --help"
        ;;
    report) options="$output --help" ;;
    diff)
        options="-o --output -f --format --top --fail-above --suppressions -q --quiet -v --verbose --help"
        ;;
    doctor) options="$target --help" ;;
    *) return ;;
    esac

    # an argument of these is a process
    [[ $word != -* && $command != report && $command != diff ]] && _unfreed_pids "$word" && return
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        IFS=$'\n' _unfreed_files "$word"
    fi
}

complete -F _unfreed unfreed
