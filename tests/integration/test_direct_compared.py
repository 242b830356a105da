# SPDX-License-Identifier: BSD-2-Clause
"""Calls of each allocator, as its direct sites show them, compared with their real returns: in a short
form, and in ten turns ten million of each."""
import re

import pytest

from conftest import Target, assert_exact, library
from pythons import choose, find_pythons, run, started  # noqa: F401: a fixture
from test_direct_sites import SUITES, measured, suite_target

MANY = 1_000_000
TURNS = 10
FEW = 20_000
BOTH = ["-v", "--sites", "both"]
# Small blocks of several threads, and some so large that malloc maps them.
LOADS = {"small": (0.8, ["--threads", 4, "--slots", 256, "--stacks", 20]),
         "large": (0.2, ["--threads", 1, "--slots", 64, "--bytes", 300_000])}  # fmt: skip
THIRD_OF_SMALL = 0.8 / 3  # by --calloc
LEAVES = ["libjemalloc.so.2", "sid"]  # by a jump for a slow way, to where its return is seen
PYTHONS = [python for python in find_pythons() if python.values[0].minor > 8]


def combine(short, all_of_them):
    """Few calls of some, very many of all."""
    return [pytest.param(one, FEW, id=f"{one}") for one in short] + \
        [pytest.param(one, MANY, id=f"{one}-many{turn}", marks=pytest.mark.long)
         for one in all_of_them for turn in range(TURNS)]


def compared(result, function):
    """How many calls of a function were compared; any that was not the same fails."""
    assert "differ from these" not in result.stderr, result.stderr
    found = re.findall(rf"(\d+) calls of {function} were the same at places", result.stderr)
    return sum(map(int, found))


def start(allocator, args):
    if allocator in SUITES:
        return suite_target(allocator, "churn", *args)
    return Target("churn", *args, preload=None if allocator == "glibc" else library(allocator))


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("allocator, calls", combine(
    ["glibc"], ["glibc", "libjemalloc.so.2", *SUITES]))
def test_malloc(record, allocator, load, calls):
    share, args = LOADS[load]
    # half of the steps allocate
    rounds = int(calls * share * 2.2 / args[1])
    with start(allocator, [*args, "--rounds", rounds]) as target:
        truth, result = measured(record, target, BOTH)
    if load == "small" or allocator not in LEAVES:
        assert compared(result, "malloc") >= calls * share
    assert_exact(truth, result)


@pytest.mark.parametrize("allocator, calls", combine(["glibc"], ["glibc", "trixie"]))
def test_calloc(record, allocator, calls):
    share, args = LOADS["small"]
    rounds = int(calls * share * 2.2 / args[1])
    with start(allocator, [*args, "--calloc", "--rounds", rounds]) as target:
        truth, result = measured(record, target, BOTH)
    assert compared(result, "calloc") >= calls * THIRD_OF_SMALL
    assert_exact(truth, result)


@pytest.mark.parametrize("python, calls", combine(
    [python.values[0] for python in choose(PYTHONS, 11, 14)],
    [python.values[0] for python in PYTHONS]))
def test_pythons_malloc(python, record, started, calls):  # noqa: F811
    _, truth, result = run(python, started, record, "python_sizes.py", calls,
                           options=[*BOTH, "--python", "exact"])
    # some of the sizes are those of blocks that are there already
    assert compared(result, "pymalloc malloc") >= truth["made"] * 0.99
    assert not result.losses
