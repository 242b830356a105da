# SPDX-License-Identifier: BSD-2-Clause
"""New processes and new images in mid-trace."""
import json
import signal
import subprocess
import time

import pytest

from conftest import TIMEOUT, TOTALS, UNFREED, Target, assert_exact, assert_functions, assert_totals

FOLLOW = ["--follow-forks"]


def child_sums(result, truth, leaf=None):
    """
    What the report says of other processes than the parent. An image that ends within milliseconds of
    its exec is gone before its mappings are read: its bytes are exact, its names unknown, so that no
    leaf can be asked for.
    """
    rows = [stack for stack in result.report["stacks"]
            if stack["pid"] != truth["pid"] and leaf in (None, stack["frames"][-1]["name"])]
    return sum(row["live_bytes"] for row in rows), sum(row["live_blocks"] for row in rows)


@pytest.mark.parametrize("case", ["child_frees", "child_leaks", "tree", "vfork_exec", "spawn"])
def test_children_do_not_count(measure, attach, case):
    """Neither what a child leaks, nor what it frees of its copy of the parent's blocks."""
    truth, result = measure("forks", "--case", case, options=attach)
    assert_exact(truth, result)
    assert [target["pid"] for target in result.report["targets"]] == [truth["pid"]]


@pytest.mark.parametrize("case", ["child_leaks", "tree", "spawn"])
def test_children_are_followed(measure, attach, case):
    truth, result = measure("forks", "--case", case, options=attach + FOLLOW)
    assert_functions(truth, result.by_leaf(truth["pid"]))
    leaf = "leak_in_child" if case != "spawn" else None
    assert child_sums(result, truth, leaf) == (truth["child_bytes"], truth["child_blocks"])
    assert truth["child"] in {target["pid"] for target in result.report["targets"]}
    if case != "spawn":
        assert not result.losses


def test_a_followed_child_that_frees_its_copies(measure, attach):
    """The parent's blocks stay the parent's; the child's frees are of blocks it never made."""
    truth, result = measure("forks", "--case", "child_frees", options=attach + FOLLOW)
    assert_functions(truth, result.by_leaf(truth["pid"]))
    assert result.totals["live_blocks"] == truth["live_blocks"]
    assert not result.losses


def test_a_vfork_child_allocates_in_its_parent(measure, attach):
    """
    It runs in the parent's memory, so its blocks and frees are the parent's. Without --follow-forks
    the kernel keeps its hits to itself: the filter of session and multi links is by process.
    """
    truth, result = measure("forks", "--case", "vfork_allocates", options=attach + FOLLOW)
    assert_totals(truth, result)
    assert_functions(truth, result.by_leaf())


def test_vfork_and_exec_leave_the_parent_right(measure, attach):
    truth, result = measure("forks", "--case", "vfork_exec", options=attach + FOLLOW)
    assert_functions(truth, result.by_leaf(truth["pid"]))


def test_exec_in_mid_trace(record, attach):
    """The old image's leaks stay in the report, the new image's come beside them."""
    with Target("forks", "--case", "exec") as target:
        recorder = record(target, options=attach)
        target.go()
        target.lines.until("^ready$")
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    table = result.by_leaf()
    assert_functions(truth, table)
    assert table["leak_in_parent"]["live_bytes"] == truth["before_exec_bytes"]
    assert table["leak_in_parent"]["live_blocks"] == truth["before_exec_blocks"]
    assert set(table) == {"leak_in_parent", "leak_after_exec"}
    assert [entry["pid"] for entry in result.report["targets"]] == [truth["pid"]] * 2
    # the walker learns of the new image's mappings a moment after the exec
    assert set(result.losses) <= {"unwind_no_mapping", "unwind_busy"}


def test_a_command_that_execs(measure_command, attach):
    truth, result = measure_command("forks", "--case", "exec", options=attach)
    before, after = result.report["targets"]
    assert (before["comm"], after["comm"]) == ("forks", "exe")
    assert result.by_leaf()["leak_in_parent"]["live_bytes"] == truth["before_exec_bytes"]
    assert result.totals["live_bytes"] == truth["before_exec_bytes"] + truth["live_bytes"]
    assert result.totals["live_blocks"] == truth["before_exec_blocks"] + truth["live_blocks"]


def test_a_command_whose_children_are_followed(measure_command, attach):
    truth, result = measure_command("forks", "--case", "tree", options=attach + FOLLOW)
    assert child_sums(result, truth) == (truth["child_bytes"], truth["child_blocks"])
    parent = [stack for stack in result.report["stacks"] if stack["pid"] == truth["pid"]]
    assert {key: sum(stack[key] for stack in parent) for key in TOTALS[:4]} == \
        {key: truth[key] for key in TOTALS[:4]}


def test_many_workers_are_watched_at_once(tmp_path):
    """
    What each would cost is estimated before any is traced. An idle process is watched for two
    seconds for that: one after the other that would be most of a minute.
    """
    path = tmp_path / "report.json"
    with Target("forks", "--case", "workers") as target:
        start = time.monotonic()
        with subprocess.Popen([UNFREED, "record", "-p", str(target.pid), "--follow-forks", "-o", path],
                              stderr=subprocess.PIPE, text=True) as recorder:
            try:
                told = next(line for line in recorder.stderr if line.startswith("unfreed: tracing"))
                attached_s = time.monotonic() - start
                target.go()
                truth = target.truth()
            finally:
                recorder.send_signal(signal.SIGINT)
            recorder.communicate(timeout=TIMEOUT)
        assert target.finish() == 0
    assert told and recorder.returncode == 0
    stacks = [stack for stack in json.loads(path.read_text())["stacks"]
              if stack["frames"][-1]["name"] == "leak_in_child"]
    assert len({stack["pid"] for stack in stacks}) == len(stacks) == truth["workers"]
    assert {stack["live_bytes"] for stack in stacks} == {truth["worker_bytes"]}
    assert attached_s < 2 * truth["workers"]


def test_a_master_stands_for_its_workers(record):
    """Those that are there: one that comes later is left out, which is said."""
    with Target("prefork") as target:
        workers = [int(word) for word in target.lines.until("^workers ").split()[1:]]
        recorder = record(target)
        target.go()
        target.lines.until("^leaked$")
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert f"process {target.pid} forked {len(workers)} that run the same program" in result.stderr
    assert "not those to come: --follow-forks" in result.stderr
    leaks = {stack["pid"]: stack["live_bytes"] for stack in result.report["stacks"]
             if stack["frames"][-1]["name"] == "leak_in_worker"}
    assert leaks == dict.fromkeys(workers, 1000)
