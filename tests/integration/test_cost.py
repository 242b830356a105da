# SPDX-License-Identifier: BSD-2-Clause
"""What would slow a target by more than a twentieth is recorded for moments, a CPython by more than a
quarter in a cheaper way; where each call is asked for that is refused."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, own_libc
from pythons import begin, choose, find_pythons, probe, started  # noqa: F401: a fixture

PYTHONS = choose(find_pythons(), 8, 13) + [python for python in find_pythons()
                                           if python.values[0].inlines][:1]


@pytest.fixture
def hot(started, tmp_path):  # noqa: F811
    """Starts what is hot, with no cost but that of its own recording."""
    def start(python, kind):
        return begin(python, started, "python_hot.py", kind, environment=own_libc(tmp_path))
    return start


def record(process, *options):
    """A second of it, without the --exact of other tests."""
    return subprocess.run(
        [UNFREED, "record", "-p", str(process.pid), "-d", "1", "-o", "-", "-f", "json", *options],
        capture_output=True, text=True, timeout=TIMEOUT)


def mode_of(run):
    assert run.returncode == 0, run.stderr
    [target] = json.loads(run.stdout)["targets"]
    return target["python"]["mode"]


def inlines(process):
    return ["inlined", "1"] in [line[:2] for line in probe("slots", process.pid)]


def is_unhurt(process):
    """It runs on, with the allocator that it had."""
    assert process.poll() is None
    return not any("steered" in line for line in probe("slots", process.pid))


@pytest.mark.parametrize("options", [["--malloc", "exact"], ["--peak"]], ids=" ".join)
def test_a_hot_malloc_is_refused(options, hot):
    process = hot(PYTHONS[-1].values[0], "large")
    run = record(process, *options)
    assert run.returncode == 3, run.stderr
    last = run.stderr.splitlines()[-1]
    assert last.startswith("unfreed: refused: exact recording would slow")
    assert "needs each call; with fewer options it is recorded for moments" in last
    assert "tracing" not in run.stderr
    assert not run.stdout
    assert is_unhurt(process)


def check_windows(run, pid):
    assert run.returncode == 0, run.stderr
    sentence = f"would slow process {pid} by about"
    assert [line for line in run.stderr.splitlines()
            if sentence in line and "recorded for moments instead" in line], run.stderr
    report = json.loads(run.stdout)
    assert report["mode"] == "windows"
    assert report["windows"]["asked_percent"] == 5
    assert report["windows"]["spent_percent"] <= 5 * 1.2
    return report


def test_a_hot_malloc_alone_is_seen_for_moments(hot):
    process = hot(PYTHONS[-1].values[0], "large")
    check_windows(record(process, "--python", "off"), process.pid)
    assert is_unhurt(process)


def test_a_busy_process_is_seen_for_moments():
    """It is no CPython: nothing else would be seen of it."""
    with Target("requests", "--leaks", 1000) as target:
        run = record(target)
        report = check_windows(run, target.pid)
        assert report["windows"]["count"] > 0
        assert "tracing" in run.stderr and "left out" not in run.stderr
        run = record(target, "--exact")
        assert run.returncode == 0 and json.loads(run.stdout)["mode"] == "exact"
        assert target.process.poll() is None


def test_an_idle_process_is_recorded_exactly():
    with Target("lost_blocks") as target:
        run = record(target)
    assert run.returncode == 0 and json.loads(run.stdout)["mode"] == "exact"
    assert "moments" not in run.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_a_hot_malloc_is_left_out(python, hot):
    process = hot(python, "large")
    run = record(process)
    assert mode_of(run) == ("pools" if python.minor > 8 else "arenas")
    assert json.loads(run.stdout)["mode"] == "growth"
    assert "malloc's calls are left out" in run.stderr
    assert is_unhurt(process)


def test_malloc_off(hot):
    """The objects of an interpreter alone; another process has none."""
    python = PYTHONS[-1].values[0]
    process = hot(python, "large")
    run = record(process, "--malloc", "off", "--python", "pools")
    assert mode_of(run) == ("pools" if python.minor > 8 else "arenas")
    report = json.loads(run.stdout)
    assert report["mode"] == "growth"
    assert {stack["domain"] for stack in report["stacks"]} <= {"python"}
    with Target("lost_blocks") as other:
        run = record(other, "--malloc", "off")
    assert run.returncode == 3
    assert "is no CPython" in run.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_hot_objects_are_refused(python, hot):
    process = hot(python, "small")
    run = record(process, "--python", "exact")
    if run.returncode == 3 and "exact is not to be had" in run.stderr:
        pytest.skip(f"refused before there was any cost: {run.stderr.splitlines()[-1]}")
    assert run.returncode == 3, run.stderr
    assert "--python pools is near-free" in run.stderr.splitlines()[-1]
    assert "unfreed: tracing" not in run.stderr
    assert not run.stdout
    assert is_unhurt(process)


@pytest.mark.parametrize("python", PYTHONS)
def test_automatic_is_cheap_where_objects_are_hot(python, hot):
    process = hot(python, "small")
    run = record(process)
    assert mode_of(run) == ("pools" if python.minor > 8 else "arenas")
    assert is_unhurt(process)
    told = "with the allocator of CPython it is" in run.stderr
    assert told == (not inlines(process)), "without writing only a build that inlines is not exact"


@pytest.mark.parametrize("python", PYTHONS)
def test_exact_overrides(python, hot):
    process = hot(python, "small")
    asked = ["--python", "exact"] if inlines(process) else []
    assert mode_of(record(process, "--exact", *asked)) == "exact"
    assert is_unhurt(process)
