# SPDX-License-Identifier: BSD-2-Clause
"""Frees of Python's objects are not probed where its pools can be read: the report is the same to the
block. With --follow-forks they are probed."""
import json

import pytest

from conftest import TIMEOUT
from pythons import begin, choose, find_pythons, run, started, tell, truth_of  # noqa: F401: a fixture

PYTHONS = choose(find_pythons(), 9, 11, 13, 14)
SCRIPT = "python_churn.py"
THREADS, KEPT = 3, 2000
EXACT = ["--python", "exact"]
PROBED = [*EXACT, "--follow-forks"]

if not PYTHONS:
    pytest.skip("no CPython 3.9 to 3.14 here", allow_module_level=True)


def by_line(report):
    """{line of the script: [blocks, bytes]}"""
    lines = {}
    for stack in report["stacks"]:
        frames = [frame for frame in stack["frames"] if frame["kind"] == "python"]
        if frames and frames[-1]["file"].endswith(SCRIPT):
            row = lines.setdefault(frames[-1]["line"], [0, 0])
            row[0] += stack["live_blocks"]
            row[1] += stack["live_bytes"]
    return lines


def by_stack(report):
    """{Python frames: [live blocks, live bytes, blocks, bytes]}, of the script's own work"""
    stacks = {}
    for stack in report["stacks"]:
        frames = tuple((frame["name"], frame["line"]) for frame in stack["frames"]
                       if frame["kind"] == "python")
        if not frames or not any(name.endswith("work") for name, _ in frames):
            continue
        row = stacks.setdefault(frames, [0] * 4)
        for i, name in enumerate(["live_blocks", "live_bytes", "alloc_blocks", "alloc_bytes"]):
            row[i] += stack[name]
    return stacks


def assert_true(report, truth):
    found = by_line(report)
    for line, (blocks, size) in truth["kept"].items():
        assert found[int(line)][0] == blocks, (line, found)
        assert size is None or found[int(line)][1] == size, (line, found)
    for line, most in truth["most"].items():
        assert found.get(int(line), [0])[0] <= most, (line, most, found)


def covered(result):
    [target] = result.report["targets"]
    return target["python"]["coverage_percent"]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_same_to_the_block(python, record, started):  # noqa: F811
    results = []
    for options in (EXACT, PROBED):
        _, truth, result = run(python, started, record, SCRIPT, 1, KEPT, options=options)
        assert not result.losses
        assert_true(result.report, truth)
        assert covered(result) >= 99.9
        results.append(by_stack(result.report))
    assert len(results[0]) > 5
    assert results[0] == results[1]


@pytest.mark.parametrize("python", PYTHONS)
def test_threads(python, record, started):  # noqa: F811
    _, truth, result = run(python, started, record, SCRIPT, THREADS, KEPT, options=EXACT)
    assert not result.losses
    assert_true(result.report, truth)
    assert covered(result) >= 99.9


@pytest.mark.parametrize("python", PYTHONS)
def test_busy_threads_at_intervals(python, record, started, tmp_path):  # noqa: F811
    """Nothing that was dropped is in any report, and all that is kept is in each."""
    process = begin(python, started, SCRIPT, THREADS, KEPT, "busy")
    recorder = record(process, options=[*EXACT, "-i", "0.5", "-o", tmp_path / "series-%t.json"])
    tell(process)
    truth = truth_of(process)
    before = set(tmp_path.glob("series-*.json"))
    while len(reports := set(tmp_path.glob("series-*.json")) - before) < 4:
        assert recorder.process.poll() is None
    result = recorder.stop()
    assert result.status == 0, result.stderr
    assert not result.losses
    for path in sorted(reports)[1:]:
        assert_true(json.loads(path.read_text()), truth)
    assert_true(result.report, truth)
    tell(process)
    assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("python", PYTHONS)
def test_code_at_the_same_address(python, record, started):  # noqa: F811
    """Frames of a function that is gone are not taken for those of the next one. On a busy machine it may be
    gone before its name is read, which is counted."""
    count = 1000
    _, truth, result = run(python, started, record, "python_made.py", count, options=EXACT)
    assert truth["addresses"] < count - 20
    kept = {}
    for stack in result.report["stacks"]:
        frames = [frame for frame in stack["frames"] if frame["kind"] == "python"]
        if frames and frames[-1]["name"].startswith("made_") and stack["live_blocks"]:
            kept[frames[-1]["name"]] = stack["live_blocks"]
    assert kept.items() <= {f"made_{number}": 1 for number in range(count)}.items()
    assert count - len(kept) <= result.losses.get("python_unnamed", 0)
    assert len(kept) > count / 10


@pytest.mark.parametrize("python", PYTHONS[:1])
def test_what_a_process_freed_before_it_ended_is_uncertain(python, record, started):  # noqa: F811
    process = begin(python, started, SCRIPT, 1, KEPT)
    recorder = record(process, options=EXACT)
    tell(process)
    truth = truth_of(process)
    tell(process)
    assert process.wait(TIMEOUT) == 0
    result = recorder.wait()
    [target] = result.report["targets"]
    assert target["python"]["frees_read"]
    # all that it says is live of those in pools, which all are freed by the end of an interpreter
    live = sum(stack["live_blocks"] for stack in result.report["stacks"]
               if stack["domain"] == "python")
    assert 0 < result.losses["python_frees_unread"] <= live
    most = sum(blocks for blocks, _ in truth["kept"].values())
    assert most <= result.losses["python_frees_unread"] or live < most


def test_where_frees_are_probed(record, started):  # noqa: F811
    """What needs each one's moment, or may end before a report."""
    python = PYTHONS[0].values[0]
    for options in (["--follow-forks"], ["--peak"], ["--malloc", "off"]):
        _, _, result = run(python, started, record, SCRIPT, 1, KEPT, options=[*EXACT, *options])
        [target] = result.report["targets"]
        assert not target["python"]["frees_read"]
        assert not result.losses
