# SPDX-License-Identifier: BSD-2-Clause
"""The ground truth itself, against valgrind: a program that is wrong about itself proves nothing."""
import json
import re
import subprocess

import pytest

from conftest import TIMEOUT, needs, program

# alone: valgrind runs the code that is in memory, and in it the breakpoints that another test put
# into the loader and the libc of all processes, for good
pytestmark = [pytest.mark.unprivileged, pytest.mark.alone]

RUNS = [
    *[("ledger", "--case", case) for case in (
        "malloc_zero", "calloc_overflow", "reallocarray_fails", "realloc_in_place",
        "realloc_moves", "realloc_fails", "realloc_null", "realloc_older", "free_older",
        "memalign_fails", "huge_block", "many_gigabytes")],
    ("family", "--without-pvalloc"),
    ("family", "--without-pvalloc", "--bytes", "1000", "--blocks", "3"),
    ("tables", "--stacks", "1000"),
    ("tables", "--case", "refill"),
    *[("stack_shapes", "--case", case) for case in ("deep", "signal", "jump")],
    *[("forks", "--case", case) for case in ("child_frees", "child_leaks", "vfork_exec")],
    ("cpp_leaks",),
]


def startup_of(name, trace):
    """Bytes and blocks that libstdc++ takes for exceptions without memory, before all else."""
    if not name.startswith("cpp_"):
        return 0, 0
    return int(re.search(r"^--\d+-- malloc\((\d+)\)", trace, re.MULTILINE)[1]), 1


def freed_though_refused(trace, truth):
    """Bytes and blocks that valgrind 3.24 takes as freed where reallocarray cannot change them."""
    if not re.search(r"reallocarray\((0x\w+),.* = 0x0\n--\d+-- free\(\1\)", trace):
        return 0, 0
    return [truth["by_function"]["make_array"][key] for key in ("live_bytes", "live_blocks")]


@pytest.mark.parametrize("run", RUNS, ids=" ".join)
def test_valgrind_agrees(run):
    valgrind = needs("valgrind")
    name, *args = run
    done = subprocess.run(
        [valgrind, "--leak-check=no", "--run-libc-freeres=no", "--run-cxx-freeres=no",
         "--child-silent-after-fork=yes", "--trace-malloc=yes", str(program(name)), "--exit",
         *args],
        capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    truth = json.loads(done.stdout.splitlines()[-1])
    pool_bytes, pool_blocks = startup_of(name, done.stderr)

    live = re.search(r"in use at exit: ([\d,]+) bytes in ([\d,]+) blocks", done.stderr)
    usage = re.search(r"heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes", done.stderr)
    live_bytes, live_blocks = (int(n.replace(",", "")) for n in live.groups())
    allocs, frees, alloc_bytes = (int(n.replace(",", "")) for n in usage.groups())
    older = truth["older_blocks"] + truth["unknown_frees"]
    freed_bytes, freed_blocks = freed_though_refused(done.stderr, truth)

    assert live_bytes + freed_bytes == truth["live_bytes"] + truth["older_bytes"] + pool_bytes
    assert live_blocks + freed_blocks == truth["live_blocks"] + truth["older_blocks"] + pool_blocks
    if args[-1:] in (["realloc_fails"], ["reallocarray_fails"], ["realloc_older"]):
        return
    assert allocs == truth["alloc_blocks"] + older + pool_blocks
    assert frees == truth["free_blocks"] + truth["unknown_frees"]
    if not older:
        assert alloc_bytes == truth["alloc_bytes"] + pool_bytes


def test_totals_are_the_functions():
    """The sum over functions is the total, in a program with many of them."""
    done = subprocess.run([str(program("family")), "--exit"], capture_output=True, text=True,
                          check=True, timeout=TIMEOUT)
    truth = json.loads(done.stdout.splitlines()[-1])
    for key in ("live_bytes", "live_blocks", "alloc_bytes", "free_blocks"):
        assert truth[key] == sum(counts[key] for counts in truth["by_function"].values())
    assert len(truth["by_function"]) == 9
