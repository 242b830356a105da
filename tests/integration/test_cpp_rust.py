# SPDX-License-Identifier: BSD-2-Clause
"""C++ and Rust: leaks behind operator new and behind the Rust allocator, and exceptions."""
import re
import subprocess

import pytest

from conftest import UNFREED, Target, assert_exact, assert_functions, library

ALLOCATORS = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"]


def assert_leaks(truth, result):
    """By the function or its caller: see cpp_leaks.cpp about frame pointers."""
    assert_functions(truth, result.by_frame(set(truth["by_function"])))
    assert not result.losses


@pytest.mark.parametrize("program", ["cpp_leaks", "cpp_leaks.static"])
def test_cpp_leaks(measure, attach_any, program):
    truth, result = measure(program, options=attach_any)
    assert len(truth["by_function"]) == 9
    assert_leaks(truth, result)


@pytest.mark.parametrize("name", ALLOCATORS)
def test_cpp_leaks_with_another_operator_new(measure, attach_any, name):
    assert_leaks(*measure("cpp_leaks", preload=library(name), options=attach_any))


def test_cpp_names_are_demangled(measure):
    _, result = measure("cpp_leaks")
    names = {frame["name"] for stack in result.report["stacks"] for frame in stack["frames"]}
    assert any(name.startswith("shop::Cart<int>::add") for name in names)
    assert not any(name.startswith("_Z") for name in names)


def test_own_code_is_no_header_of_the_library():
    """A map's insertion is compiled into the program, by headers that it did not write."""
    with Target("cpp_fills") as target:
        run = subprocess.run([UNFREED, "record", "-p", str(target.pid), "-d", "2", "--by", "app"],
                             capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"^ 1\. .*\n +open_session \(", run.stdout, re.M), run.stdout


@pytest.mark.parametrize("program", ["cpp_throw", "cpp_throw.jemalloc", "cpp_throw.tcmalloc"])
def test_exceptions_out_of_operator_new(measure, attach, program):
    """A return probe on a function that throws would end the program here."""
    truth, result = measure(program, options=attach)
    assert truth["caught"] == truth["through"] == truth["rounds"] == 2000
    assert_leaks(truth, result)


@pytest.mark.parametrize("name", ALLOCATORS)
def test_exceptions_with_a_preloaded_allocator(measure, attach, name):
    """mimalloc's shared library is C and aborts where others throw, traced or not."""
    args = ["--no-bad-alloc"] if "mimalloc" in name else []
    truth, result = measure("cpp_throw", *args, preload=library(name), options=attach)
    assert truth["through"] == truth["rounds"] == 2000
    assert truth["caught"] == (0 if args else 2000)
    assert_leaks(truth, result)


def test_exceptions_leave_nothing_behind(measure):
    """Exception objects are freed: but for the leaks, all that was allocated is freed."""
    truth, result = measure("cpp_throw")
    assert result.totals["live_bytes"] == truth["live_bytes"]
    assert result.totals["live_blocks"] == truth["live_blocks"]


def test_rust_leaks(measure, attach_any):
    truth, result = measure("rust_leaks", options=attach_any)
    assert len(truth["by_function"]) == 5
    assert_leaks(truth, result)
    assert result.totals["live_bytes"] == truth["live_bytes"]
    assert result.totals["live_blocks"] == truth["live_blocks"]


@pytest.mark.parametrize("program", ["cpp_leaks", "rust_leaks"])
def test_a_command_from_its_first_allocation(measure_command, program):
    """The runtimes allocate for themselves before main; the program's own blocks are exact."""
    truth, result = measure_command(program)
    assert_leaks(truth, result)


def test_every_way_to_end(measure, attach):
    """At the branch before a `ret`: the wrong side of it, or register, is another block."""
    truth, result = measure("exits", options=attach)
    assert 0 < truth["taken"] < truth["alloc_blocks"]
    assert_exact(truth, result)


@pytest.mark.parametrize("name", ALLOCATORS)
def test_every_form_of_new_and_malloc(measure, attach_any, name):
    """By the address that each returned: one that was seen otherwise is not known when it is freed."""
    args = ["--no-bad-alloc"] if "mimalloc" in name else []
    truth, result = measure("cpp_churn", "--steps", 4000, *args, preload=library(name), options=attach_any)
    assert_functions(truth, result.by_frame({"churn"}))
    assert not result.losses
    assert result.totals["live_bytes"] == truth["live_bytes"]
    assert result.totals["live_blocks"] == truth["live_blocks"]
    assert result.unknown_frees() == 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ALLOCATORS)
def test_ten_million_calls(measure, name, seed):
    args = ["--no-bad-alloc"] if "mimalloc" in name else []
    truth, result = measure("cpp_churn", "--steps", 330000, "--seed", seed, *args,
                            preload=library(name), options=["--exact"])
    assert truth["alloc_blocks"] > 1e6
    assert_functions(truth, result.by_frame({"churn"}))
    assert not result.losses
    assert result.totals["live_blocks"] == truth["live_blocks"]
    assert result.unknown_frees() == 0
