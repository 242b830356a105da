#compdef unfreed
# SPDX-License-Identifier: BSD-2-Clause
# Completion for unfreed(1) in zsh; commands and options are those that --help lists.

# Processes with their names; of a list the last one.
_unfreed_pids()
{
    local -a pids
    local directory name
    compset -P '*,'
    for directory in /proc/<->(N); do
        name=
        read -r name <$directory/comm 2>/dev/null || continue
        pids+=("${directory:t}:$name")
    done
    _describe -V process pids
}

_unfreed_names()
{
    local -aU names
    names=(${(f)"$(cat /proc/<->/comm 2>/dev/null)"})
    compadd -a names
}

_unfreed_containers()
{
    local -aU ids
    ids=(${(f)"$(cat /proc/<->/cgroup 2>/dev/null | grep -v -e -conmon- | grep -oE '[0-9a-f]{64}')"})
    compadd -a ids
}

# --option:what it is
_unfreed_options()
{
    local -a offered
    offered=(${(f)"$(unfreed $1 --help 2>/dev/null | sed -nE \
        's/^ +(-., )?(--[a-z-]+)(=[^ ]*)?( +(.*))?$/\2:\5/p')"})
    [[ $1 == (record|why) ]] && offered+=('--:a command to start')
    _describe -o option offered
}

# What --help says an option takes: --by=stack|line|…
_unfreed_choices()
{
    local -a choices
    choices=(${(s:|:)"$(unfreed $1 --help 2>/dev/null | sed -nE "s/^ +(-., )?$2=([^ ]*).*/\2/p")"})
    (($#choices > 1)) && compadd -a choices
}

_unfreed()
{
    local -a known
    local command=$words[2] separator=${words[(i)--]}

    if ((CURRENT == 2)); then
        known=(${(f)"$(unfreed --help 2>/dev/null | sed -nE 's/^  ([a-z]+) +(.*)/\1:\2/p')"})
        _describe command known
        return
    fi
    if [[ $command == (record|why) ]] && ((separator < CURRENT)); then
        shift separator words
        ((CURRENT -= separator))
        _normal
        return
    fi
    case $words[CURRENT-1] in
    -p | --pid) _unfreed_pids ;;
    --comm) _unfreed_names ;;
    --container) _unfreed_containers ;;
    --cgroup) _files -/ -W /sys/fs/cgroup ;;
    -o | --output | --diff | --core | --root | --config | --exec | --history | --report | --token-file | --app | --suppressions) _files ;;
    -f | --format)
        if [[ $command == heap ]]; then
            compadd text json dot svg
        elif [[ $command == diff ]]; then
            compadd text folded html json
        else
            compadd text folded svg html pprof json
        fi
        ;;
    --attach) compadd auto session multi perf ;;
    --sites) compadd auto direct entry both ;;
    --by | --count | --malloc | --python) _unfreed_choices $command $words[CURRENT-1] ;;
    -d | --duration | -i | --interval | --older-than | --top | --max-* | --history-size | --budget | --fail-above | --host | --listen | --webhook | --looks | \
        --watch | --holders | --alloc-fn) ;;
    *)
        if [[ $words[CURRENT] == -* ]]; then
            _unfreed_options $command
        elif [[ $command == (report|diff) ]]; then
            _files -g '*.pb.gz'
        else
            _unfreed_pids
        fi
        ;;
    esac
}

if [[ $funcstack[1] == _unfreed ]]; then
    _unfreed "$@"
else
    (( $+functions[compdef] )) && compdef _unfreed unfreed
fi
