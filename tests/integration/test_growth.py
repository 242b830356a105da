# SPDX-License-Identifier: BSD-2-Clause
"""`record --growth`: which stacks touched the memory that is new, without a probe on an allocator.

Of many pages one of so many is taken, so that figures are near the truth: within a fifth, which is
five times what chance does to one page of sixteen.
"""
import re
import shutil
import subprocess
import sys

import pytest

from conftest import UNFREED, Target, library, program

GROWN = 40_000_000
NEAR = GROWN // 5
LITTLE = GROWN // 20


def bytes_below(report, name):
    """Of stacks that run through a function."""
    return sum(stack["live_bytes"] for stack in report["stacks"]
               if any(frame["name"] == name for frame in stack["frames"]))


def of_growth(measure, case):
    _, result = measure("grow", "--case", case, options=["--growth"])
    # each thread that is made changes the address space in which those before it are walked
    assert set(result.losses) <= ({"unwind_busy"} if case == "stacks" else set()), result.losses
    assert result.report["mode"] == "growth"
    return result.report


@pytest.mark.parametrize("case, function", [
    ("mmap", "map"), ("shared", "map"), ("stacks", "wait_deep"), ("malloc", "keep")])
def test_who_touches_new_memory(measure, case, function):
    report = of_growth(measure, case)
    assert abs(bytes_below(report, function) - GROWN) < NEAR
    assert abs(report["memory"]["unexplained"]) < NEAR
    assert {stack["domain"] for stack in report["stacks"]} == {"mmap"}
    # what of memset or malloc it was is nobody's question: the caller is put forward, once
    leaves = {frame["name"] for frame in (stack["frames"][-1] for stack in report["stacks"])}
    assert function in leaves
    assert not any(re.match("(__)?mem|_int_|sysmalloc|malloc", name) for name in leaves)
    assert len({stack["id"] for stack in report["stacks"]}) == len(report["stacks"])


def test_another_allocator_is_not_put_forward(measure):
    """It writes into blocks that it has not given out yet."""
    _, result = measure("grow", "--case", "malloc", options=["--growth"],
                        preload=library("libtcmalloc_minimal.so.4"))
    leaves = {stack["frames"][-1]["name"] for stack in result.report["stacks"]
              if stack["live_bytes"] > LITTLE}
    assert leaves == {"keep"}


def test_memory_that_another_one_keeps(measure):
    """The pages of `take` lie where those of `borrow` did."""
    report = of_growth(measure, "lent")
    assert bytes_below(report, "borrow") < LITTLE
    assert abs(bytes_below(report, "take") - GROWN) < NEAR


def test_what_was_given_back_is_no_growth(measure):
    """Nor is what takes the place of older memory."""
    report = of_growth(measure, "back")
    assert bytes_below(report, "run_back") < LITTLE
    assert bytes_below(report, "take") < LITTLE
    assert abs(report["memory"]["resident_grown"]) < LITTLE


def test_a_command_that_ends(measure_command):
    _, result = measure_command("grow", "--case", "mmap", options=["--growth"])
    assert abs(bytes_below(result.report, "map") - GROWN) < NEAR


FORKS = """
import os, sys
def grow():
    return bytearray(b"x") * 40000000
print("ready", flush=True)
sys.stdin.readline()
child = os.fork()
kept = grow() if child == 0 else None
if child == 0:
    print("{}", flush=True)
sys.stdin.readline()
"""


def test_python_and_its_child(record, tmp_path):
    """Frames of Python; memory that a child shares with its parent is no growth of it."""
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    with Target(script, wrap=[sys.executable]) as target:
        recorder = record(target, options=["--growth", "--follow-forks"])
        target.go()
        target.truth()
        report = recorder.stop().report
    stacks = [stack for stack in report["stacks"]
              if any(frame["name"] == "grow" for frame in stack["frames"])]
    assert {stack["pid"] for stack in stacks} and target.pid not in {s["pid"] for s in stacks}
    assert abs(bytes_below(report, "grow") - GROWN) < NEAR
    assert sum(stack["live_bytes"] for stack in report["stacks"]) < GROWN + NEAR


GO = """
package main
import ("bufio"; "fmt"; "os")
var kept [][]byte
func leak() { b := make([]byte, 100000); for i := range b { b[i] = 1 }; kept = append(kept, b) }
func main() {
    fmt.Println("ready")
    in := bufio.NewReader(os.Stdin)
    in.ReadString('\\n')
    for i := 0; i < 400; i++ { leak() }
    fmt.Println("{}")
    in.ReadString('\\n')
}
"""


@pytest.mark.skipif(not shutil.which("go"), reason="there is no Go")
def test_a_heap_of_gos(record, tmp_path):
    (tmp_path / "leak.go").write_text(GO)
    subprocess.run(["go", "build", "-gcflags=-l", "-o", "leak", "leak.go"], cwd=tmp_path, check=True,
                   env={"HOME": str(tmp_path), "GO111MODULE": "off", "PATH": "/usr/bin:/bin"})
    with Target(tmp_path / "leak") as target:
        recorder = record(target, options=["--growth"])
        target.go()
        target.truth()
        report = recorder.stop().report
    assert abs(bytes_below(report, "main.leak") - GROWN) < NEAR


@pytest.mark.parametrize("other", [
    ["--exact"], ["--peak"], ["--reachability"], ["--freeze"],
    ["--malloc", "off"], ["--python", "pools"]])
def test_what_does_not_go_together(other):
    run = subprocess.run([UNFREED, "record", "--growth", *other, "--", program("grow")],
                         capture_output=True, text=True)
    assert run.returncode == 2
    assert "--growth is of new pages of memory" in run.stderr


def test_a_target_that_goes_on_without_us(record):
    with Target("grow", "--case", "mmap") as target:
        record(target, options=["--growth"]).kill()
        target.go()
        target.truth()
        assert target.finish() == 0
