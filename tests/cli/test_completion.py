# SPDX-License-Identifier: BSD-2-Clause
"""scripts/completion/unfreed.bash, asked as bash would ask it."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_unfreed
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words, cwd=ROOT):
    script = ROOT / "scripts/completion/unfreed.bash"
    run = subprocess.run(
        ["bash", "-c", ASK, "bash", str(script), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # compopt complains outside of a completion
        text=True,
        check=True,
        cwd=cwd,
    )
    return run.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["r"], ["record", "report"]),
        (["w"], ["why"]),
        (["heap", "-f", "j"], ["json"]),
        (["record", "--max"], ["--max-blocks", "--max-stacks"]),
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


@pytest.mark.parametrize("command", ["why", "heap"])
def test_argument_is_a_process(command):
    assert "1" in complete("unfreed", command, "1")
