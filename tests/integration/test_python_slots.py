# SPDX-License-Identifier: BSD-2-Clause
"""The slots that `--python exact` writes into: given back in the end, whatever became of the tool,
and the target's own results are right all the while."""
import random
import re
import subprocess
import textwrap
import time

import pytest

from conftest import TIMEOUT, UNFREED, Recorder
from pythons import (  # noqa: F401
    begin, choose, find_pythons, prefer, probe, started, tell, truth_of, with_long,
)  # fmt: skip

PYTHONS = find_pythons()
INLINING = [python for python in PYTHONS if python.values[0].inlines]
EXACT = ["--python", "exact"]


def ask(process, command):
    tell(process, command)
    return process.lines.next(command)


def is_steered(process):
    return any("steered" in line for line in probe("slots", process.pid))


def said_of_slots(recorder):
    return [line for line in recorder.stderr.seen if "allocator slots" in line]


def assert_given_back(process, result):
    assert result.status == 0, result.stderr
    assert result.report["targets"][0]["python"]["mode"] == "exact"
    assert not is_steered(process)


def assert_unhurt(process):
    """It went on, in every thread, and what it computed was right."""
    assert ask(process, "stop").startswith("good ")
    assert process.wait(TIMEOUT) == 0


def leave_steered(process, record):
    record(process, options=EXACT).kill()
    assert is_steered(process)
    return process


@pytest.fixture(params=INLINING)
def busy(request, started):  # noqa: F811
    return begin(request.param, started, "python_busy.py")


@pytest.fixture
def left_steered(busy, record):
    """By a tool that was killed."""
    return leave_steered(busy, record)


def test_slots_are_given_back(busy, record):
    recorder = record(busy, options=EXACT)
    [line] = said_of_slots(recorder)
    assert "this writes 8 pointers into the process" in line
    assert is_steered(busy)
    assert_given_back(busy, recorder.stop())
    assert_unhurt(busy)


def test_slots_left_steered_are_taken_over(left_steered, record):
    recorder = record(left_steered, options=EXACT)
    [line] = said_of_slots(recorder)
    assert "an earlier tool left 8 allocator slots" in line
    assert is_steered(left_steered)
    assert_given_back(left_steered, recorder.stop())
    assert_unhurt(left_steered)


@pytest.mark.parametrize("python", INLINING)
def test_automatic_uses_what_was_left_and_writes_nothing(python, record, started):  # noqa: F811
    process = leave_steered(begin(python, started, "python_kinds.py", 1000), record)
    recorder = record(process)
    [line] = said_of_slots(recorder)
    assert "--python exact gives them their old values back" in line
    tell(process)
    truth_of(process)
    seen = recorder.stop().report["targets"][0]["python"]
    assert seen["mode"] == "exact"
    assert seen["coverage_percent"] >= 99.9
    assert is_steered(process)
    assert_given_back(process, record(process, options=EXACT).stop())


def test_two_tools_do_not_steer_at_once(busy, record, tmp_path):
    first = record(busy, options=EXACT)
    (tmp_path / "second").mkdir()
    second = Recorder(tmp_path / "second", "-p", busy.pid, *EXACT).wait()
    assert second.status == 3
    assert "another tool steers it at this moment" in second.stderr
    assert is_steered(busy)
    assert_given_back(busy, first.stop())
    assert_unhurt(busy)


PACED = """
    import time
    print("ready", flush=True)
    while True:
        made = [bytes(200 + number) for number in range(250)]
        time.sleep(0.01)
"""


def test_what_its_objects_cost_is_told_before():
    """Malloc is hardly called: what is told of its calls says nothing of some 40,000 of Python's."""
    with subprocess.Popen(["/usr/bin/python3", "-c", textwrap.dedent(PACED)],
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        result = subprocess.run([UNFREED, "record", "-p", str(process.pid), *EXACT, "-d", "1"],
                                capture_output=True, text=True, timeout=TIMEOUT)
        process.kill()
    assert result.returncode == 0, result.stderr
    told = re.search(r"with Python's objects (\d+) allocator calls per second are recorded, which "
                     r"takes about ([\d.]+) % of a core", result.stderr)
    assert told, result.stderr
    assert int(told[1]) > 10000 and 1 <= float(told[2]) < 25
    assert told.start() < result.stderr.index("tracing")


def wait_for_a_round(process):
    """Of each of its threads."""
    before = int(ask(process, "count"))
    while int(ask(process, "count")) == before:
        time.sleep(0.001)


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("python", with_long(prefer(INLINING, 11) + choose(PYTHONS, 12), 11))
def test_rounds(python, rounds, record, started):  # noqa: F811
    """Attached again and again; every second tool is killed, at any moment of its attach, a bit
    later, or once it traces."""
    chance = random.Random(rounds)
    process = begin(python, started, "python_busy.py")
    left = attach_s = 0
    for number in range(rounds):
        start = time.monotonic()
        recorder = record(process, options=EXACT, wait=number % 2 == 0 or number % 10 == 9)
        if number % 2 == 0:
            attach_s = time.monotonic() - start
            assert_given_back(process, recorder.stop())
        else:
            if number % 10 < 9:
                time.sleep(chance.uniform(0, 1.5 * attach_s))
            recorder.kill()
            left += is_steered(process)
        wait_for_a_round(process)
    assert_given_back(process, record(process, options=EXACT).stop())
    print(f"{python}: {rounds} rounds, {left} tools were killed and left slots steered")
    assert left >= rounds // 10 if python.inlines else not left
    assert_unhurt(process)
