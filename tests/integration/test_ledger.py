# SPDX-License-Identifier: BSD-2-Clause
"""Each rule of the ledger, under each attach kind, to the byte and the block."""
import pytest

from conftest import (PROGRAMS, TOTALS, Target, assert_exact, assert_functions, assert_totals,
                      program)

CASES = ["malloc_zero", "calloc_overflow", "reallocarray_fails", "realloc_in_place",
         "realloc_moves", "realloc_fails", "realloc_zero", "realloc_null", "realloc_older",
         "free_older", "memalign_fails", "huge_block", "many_gigabytes"]


def test_every_function_of_the_family(measure, attach):
    """A fixed amount through each function, as bcc's memleak test program has it."""
    truth, result = measure("family", options=attach)
    assert len(truth["by_function"]) == 9
    assert_exact(truth, result)


def test_a_command_from_its_first_allocation(measure_command, attach):
    truth, result = measure_command("family", options=attach)
    assert_exact(truth, result)


def test_rules(measure, attach):
    assert_exact(*measure("ledger", "--case", "all", options=attach))


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_rule(measure, attach, case):
    truth, result = measure("ledger", "--case", case, options=attach)
    if truth.get("refused"):
        pytest.skip("this machine refuses a block of 5 GiB that is never touched")
    assert_exact(truth, result)


def test_the_cases_are_what_they_say(measure):
    """Blocks did move, did stay, and did exceed 4 GiB: else the rules above show nothing."""
    assert measure("ledger", "--case", "realloc_in_place")[0]["in_place"] == 20
    assert measure("ledger", "--case", "realloc_moves")[0]["moved"] >= 2
    assert measure("ledger", "--case", "many_gigabytes")[0]["live_bytes"] > 1 << 32


def test_what_is_reallocated_stays_as_old(measure, attach):
    """Else a container that grows would look like memory that turns over."""
    truth, result = measure("ledger", "--case", "realloc_ages", options=attach)
    assert_exact(truth, result)
    [stack] = [stack for stack in result.report["stacks"] if stack["live_blocks"]]
    assert stack["oldest_s"] * 1e9 >= truth["age_ns"] >= 200_000_000
    assert not stack["turns_over"]


def test_frees_by_other_threads_with_instant_reuse(measure, attach):
    """8 threads exchange blocks through 16 slots: nearly every free is another thread's, and the
    address is given out again at once."""
    truth, result = measure("churn", "--threads", 8, "--slots", 16, "--rounds", 50000,
                            options=attach)
    assert truth["alloc_blocks"] > 150000
    assert_exact(truth, result)


def test_churn_over_many_stacks(measure, attach):
    truth, result = measure("churn", "--threads", 8, "--slots", 5000, "--stacks", 1000,
                            "--bytes", 5000, "--rounds", 20000, options=attach)
    assert_exact(truth, result)
    assert len(result.report["stacks"]) == 1000


def test_a_free_missed_and_healed(measure, attach):
    """The allocator takes blocks back unseen: the next block at the address ends the old one."""
    truth, result = measure("own_malloc", "--case", "missed_free", options=attach)
    assert truth["live_blocks"] == 1
    assert_exact(truth, result)


def test_an_allocator_that_calls_itself(measure, attach):
    """realloc that calls malloc and free, calloc that calls malloc: the outermost call counts."""
    assert_exact(*measure("own_malloc", "--case", "nested", options=attach))


def test_an_allocator_left_by_longjmp(measure, attach):
    """A call that never returns is a loss that is counted, and harms no other one."""
    truth, result = measure("own_malloc", "--case", "left_by_jump", options=attach)
    assert result.losses == {"return_missed": truth["jumps"]}
    assert {key: result.totals[key] for key in TOTALS} == {key: truth[key] for key in TOTALS}
    assert_functions(truth, result.by_leaf())


@pytest.mark.parametrize("wrapper", ["libwrapper.so", "libwrapper-tail.so"])
def test_a_preloaded_wrapper(measure, attach, wrapper):
    """Its malloc calls or jumps to the next one: counted once, with the program as the caller."""
    program(wrapper)
    assert_exact(*measure("family", preload=PROGRAMS / wrapper, options=attach))


@pytest.mark.parametrize("case", ["shallow", "signal", "jump"])
def test_stacks_that_are_hard_to_read(measure, attach, case):
    assert_exact(*measure("stack_shapes", "--case", case, options=attach))


def test_outer_frames_that_differ_under_the_same_inner_ones(measure, attach):
    """A stack that was seen before is known again by all that its walk read, not by a part."""
    truth, result = measure("stack_shapes", "--case", "outer", options=attach)
    assert truth["same_frames"]
    assert_totals(truth, result)
    assert_functions(truth, result.by_frame({"outer_first", "outer_second"}))


def test_a_deep_stack_is_cut_and_marked(measure, attach):
    truth, result = measure("stack_shapes", "--case", "deep", "--frames", 200, options=attach)
    [stack] = result.report["stacks"]
    assert stack["truncated"]
    assert len(stack["frames"]) == 128
    assert [frame["name"] for frame in stack["frames"]] == ["descend"] * 127 + ["leak_deep"]
    assert result.losses.pop("stack_too_deep") >= 1  # once a walk, or once a stack
    assert {key: result.totals[key] for key in TOTALS} == {key: truth[key] for key in TOTALS}


def test_a_stack_below_the_limit_is_whole(measure, attach):
    truth, result = measure("stack_shapes", "--case", "deep", "--frames", 100, options=attach)
    [stack] = result.report["stacks"]
    names = [frame["name"] for frame in stack["frames"]]
    assert names[-102:] == ["descend"] * 101 + ["leak_deep"]
    assert "main" in names
    assert_totals(truth, result)


def test_several_targets_are_kept_apart(record, attach):
    with Target("ledger", "--case", "realloc_moves") as one, Target("family") as two:
        recorder = record(one, two, options=attach)
        truths = []
        for target in (one, two):
            target.go()
            truths.append(target.truth())
        result = recorder.stop()
    assert result.status == 0, result.stderr
    for truth in truths:
        assert_functions(truth, result.by_leaf(truth["pid"]))
    assert result.totals["live_bytes"] == sum(truth["live_bytes"] for truth in truths)
    assert not result.losses


def test_duration_ends_the_trace(record):
    """-d stops by itself, and the target goes on."""
    with Target("family") as target:
        recorder = record(target, options=["-d", "0.2"])
        result = recorder.wait()
        assert result.status == 0, result.stderr
        assert result.totals["alloc_blocks"] == 0
        target.go()
        assert target.truth()["live_blocks"] > 0
