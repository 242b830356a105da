# SPDX-License-Identifier: BSD-2-Clause
"""`record --peak`: what was held at the highest moment, by programs that know it."""
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, sums
from pythons import choose, find_pythons, run, started  # noqa: F401: a fixture

PYTHONS = find_pythons()
FEW = choose(PYTHONS, 8, 11, 14)
FUNCTIONS = ["take_a", "take_b", "take_c", "take_d"]


def held_by(result, functions):
    """{function: live bytes, blocks} by the innermost frame that is one of these."""
    def name_of(stack):
        names = [frame["name"] for frame in reversed(stack["frames"])]
        return next((name for name in names if name in functions), None)
    return {name: (row["live_bytes"], row["live_blocks"])
            for name, row in sums(result.report, name_of).items() if name and row["live_blocks"]}


def expected(truth):
    held = {name: (truth[name + "_bytes"], truth[name + "_blocks"]) for name in FUNCTIONS}
    return {name: amounts for name, amounts in held.items() if amounts[1]}


@pytest.mark.parametrize("case", ["wander", "temporaries"])
def test_to_the_byte(measure, attach_any, case):
    truth, result = measure("peak", "--case", case, options=["--peak", *attach_any])
    assert result.totals["live_bytes"] == truth["peak_bytes"] > 0
    assert held_by(result, FUNCTIONS) == expected(truth)
    assert result.report["peak_s"] > 0
    left = result.totals["alloc_bytes"] - result.totals["free_bytes"]
    assert left == truth["live_bytes"] < truth["peak_bytes"]
    assert not result.losses


def test_threads_hold_it_together(measure):
    """Where many of them let go at once, in the moment after, some may be missed."""
    truth, result = measure("peak", "--case", "threads", options=["--peak"])
    size, blocks = held_by(result, ["take_a"])["take_a"]
    assert 0.95 * truth["take_a_bytes"] <= size <= truth["take_a_bytes"]
    assert 0.95 * truth["take_a_blocks"] <= blocks <= truth["take_a_blocks"]


def test_each_report_has_the_highest_moment_so_far(record, tmp_path):
    text = tmp_path / "report.txt"
    with Target("peak", "--case", "temporaries") as target:
        recorder = record(target, options=["--peak", "-i", "0.05", "-o", text])
        target.go()
        truth = target.truth()
        result = recorder.stop()
        target.finish()
    assert result.totals["live_bytes"] == truth["peak_bytes"]
    said = " ".join(text.read_text().split())
    assert "blocks at the highest moment, after" in said
    assert "MB/h" not in said and "  freed " not in text.read_text()


@pytest.mark.parametrize("python", FEW)
def test_temporaries_of_python(python, record, started):  # noqa: F811
    _, truth, result = run(python, started, record, "python_peak.py",
                           options=["--peak", "--python", "exact"])
    functions = ["keep", "keep_more", "make_vector", "scale", "make_numbers"]
    held = held_by(result, functions)
    print(f"{python}: {held} of {truth}")
    for name in ["keep", "keep_more", "make_vector", "scale"]:
        assert 0 <= held[name][0] - truth[name] < 1000, name
    numbers = truth["numbers"]
    assert numbers <= held["make_numbers"][1] < numbers + 100
    assert 32 * numbers <= held["make_numbers"][0] < 34 * numbers  # a float, and its place


@pytest.mark.parametrize("python", FEW[:1] + FEW[-1:])
def test_what_pools_cannot_show_is_left_out(python, record, started, tmp_path):  # noqa: F811
    text = tmp_path / "report.txt"
    _, truth, result = run(python, started, record, "python_peak.py",
                           options=["--peak", "--python", "pools", "-o", text])
    held = held_by(result, ["keep", "keep_more", "make_vector", "scale"])
    for name, (size, _) in held.items():
        assert 0 <= size - truth[name] < 1000, name
    assert len(held) == 4
    assert not [stack for stack in result.report["stacks"]
                if stack["domain"] == "python" and stack["live_bytes"]]
    assert "without Python's objects of up to 512 bytes" in " ".join(text.read_text().split())
    assert result.report["peak_leaves_out"] == "Python's objects of up to 512 bytes"


@pytest.mark.unprivileged
@pytest.mark.parametrize("options, what", [
    (["--older-than", "3"], "--older-than cannot be told"),
    (["--reachability"], "--reachability cannot be told"),
    (["--malloc", "off"], "--malloc off leaves none"),
])
def test_what_does_not_go_with_it(options, what):
    outcome = subprocess.run([UNFREED, "record", "--peak", *options, "-p", "1"], text=True,
                             stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    assert outcome.returncode == 2 and what in outcome.stderr
