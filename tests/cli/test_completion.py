# SPDX-License-Identifier: BSD-2-Clause
"""scripts/completion, asked as each shell would ask it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
ASK = """
source "$1"; shift
eval "$BEFORE"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_unfreed
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words, cwd=ROOT, before=""):
    """What is offered for the last word; `before` are commands for the shell that is asked."""
    script = ROOT / "scripts/completion/unfreed.bash"
    run = subprocess.run(
        ["bash", "-c", ASK, "bash", str(script), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # compopt complains outside of a completion
        text=True,
        check=True,
        cwd=cwd,
        env={**os.environ, "BEFORE": before},
    )
    return run.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["r"], ["record", "report"]),
        (["w"], ["why"]),
        (["heap", "-f", "j"], ["json"]),
        (["record", "--max"], ["--max-memory", "--max-blocks", "--max-stacks"]),
        (["record", "--attach", ""], ["auto", "session", "multi", "perf"]),
        (["record", "--count", "bl"], ["blocks"]),
        (["record", "-f", "p"], ["pprof"]),
        (["doctor", "-p"], ["-p"]),
    ],
)
def test_words(words, wanted):
    assert complete("unfreed", *words) == wanted


def test_pid_list_keeps_what_stands_before_the_comma():
    assert "7,1" in complete("unfreed", "record", "-p", "7,1")


def test_profile_with_a_space_is_one_word(tmp_path):
    (tmp_path / "a b.pb.gz").touch()
    assert complete("unfreed", "report", "a", cwd=tmp_path) == ["a b.pb.gz"]


@pytest.mark.parametrize("command", ["record", "why"])
def test_traced_command_is_completed_as_itself(command):
    assert "bash" in complete("unfreed", command, "--", "bas")


def test_processes_are_listed_with_their_names():
    """When TAB is pressed; menu completion would put the name in too."""
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    listed = complete("unfreed", "why", "", before="COMP_TYPE=9")
    assert f"{os.getpid()} -- {name}" in listed
    assert str(os.getpid()) in complete("unfreed", "why", "", before="COMP_TYPE=37")
    assert complete("unfreed", "why", str(os.getpid()), before="COMP_TYPE=9")[0].split()[0] == \
        str(os.getpid())
    assert f"{os.getpid()} -- {name}" in complete("unfreed", "why", name[:3], before="COMP_TYPE=9") \
        or complete("unfreed", "why", name[:3], before="COMP_TYPE=9") == [str(os.getpid())]


def needs_shell(name):
    if not shutil.which(name):
        pytest.skip(f"no {name} (Debian: {name})")
    if not (ROOT / "build/unfreed").exists():
        pytest.skip("build/unfreed is not built")
    return {**os.environ, "PATH": f"{ROOT}/build:{os.environ['PATH']}", "HOME": "/nonexistent"}


def complete_in_fish(line, tmp_path):
    environment = {**needs_shell("fish"), "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    run = subprocess.run(
        ["fish", "--no-config", "-c", f"source {ROOT}/scripts/completion/unfreed.fish;"
         f"complete -C '{line}'"], check=True, capture_output=True, text=True, env=environment)
    return run.stdout.splitlines()


ASK_ZSH = """
compset() { return 1 }
compadd() { if [[ $1 == -a ]]; then print -rl -- ${(P)2}; else print -rl -- "$@"; fi }
_describe() { print -rl -- ${(P)@[-1]} }
_files() { print -r -- files }
_normal() { print -r -- command "${words[@]}" }
source "$1"; shift
words=("$@"); CURRENT=$#
_unfreed
"""


def complete_in_zsh(line):
    run = subprocess.run(
        ["zsh", "-f", "-c", ASK_ZSH, "zsh", str(ROOT / "scripts/completion/unfreed.zsh"),
         *line.split(" ")], check=True, capture_output=True, text=True, env=needs_shell("zsh"))
    return run.stdout.splitlines()


@pytest.fixture(params=["fish", "zsh"])
def offered(request, tmp_path):
    """What a shell offers for the end of a line, each with a tab or a colon before its meaning."""
    def ask(line):
        found = complete_in_fish(line, tmp_path) if request.param == "fish" else complete_in_zsh(line)
        return [row.replace("\t", ":", 1) for row in found]
    return ask


def test_other_shells_know_commands_and_options(offered):
    commands = offered("unfreed ")
    assert {row.split(":")[0] for row in commands} >= {"why", "heap", "record", "report", "diff", "doctor"}
    options = {row.split(":")[0] for row in offered("unfreed record --")}
    assert options >= {"--pid", "--duration", "--exact", "--follow-forks", "--by"}
    assert {"stack", "pid", "line"} <= {row.split(":")[0] for row in offered("unfreed record --by ")}
    assert {"json", "dot"} <= set(offered("unfreed heap -f "))
    assert "pprof" in offered("unfreed record -f ")


def test_other_shells_name_processes(offered):
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert f"{os.getpid()}:{name}" in offered("unfreed why ")
    assert name in offered("unfreed heap --comm ")


@pytest.mark.parametrize("command", ["why", "heap", "record", "monitor", "doctor"])
def test_argument_is_a_process(command):
    assert "1" in complete("unfreed", command, "1")


def test_names_of_processes():
    name = Path("/proc/1/comm").read_text().strip()
    assert name in complete("unfreed", "heap", "--comm", name[:2])


def test_cgroups():
    if not list(Path("/sys/fs/cgroup").glob("*/")):
        pytest.skip("no cgroups are mounted here")
    some = next(path for path in Path("/sys/fs/cgroup").iterdir() if path.is_dir())
    assert f"{some.name}/" in complete("unfreed", "why", "--cgroup", some.name)
    assert f"{some}/" in complete("unfreed", "why", "--cgroup", str(some))


def test_containers():
    """Only where there are any does it offer something; what it offers are IDs."""
    for word in complete("unfreed", "record", "--container", ""):
        assert not word or len(word) == 64
    docker, pod, conmon = "1f" * 32, "2e" * 32, "3d" * 32
    groups = f"""cat() {{ echo '0::/system.slice/docker-{docker}.scope
4:memory:/kubepods/{pod}
0::/machine.slice/libpod-conmon-{conmon}.scope
0::/init.scope'; }}"""
    assert complete("unfreed", "record", "--container", "", before=groups) == [docker, pod]
    assert complete("unfreed", "heap", "--container", "2", before=groups) == [pod]
