# SPDX-License-Identifier: BSD-2-Clause
"""Interpreters with another allocator than plain pymalloc: seen all the same, or said not to be, by
`record` and by `doctor`."""
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import begin, choose, find_pythons, started, tell, truth_of  # noqa: F401: a fixture

PYTHONS = choose(find_pythons(), 13) + [python for python in find_pythons()
                                        if python.values[0].inlines][:1]
COUNT = 3000
SCRIPT = "python_kinds.py"
HOOKS = {
    "debug": ({"PYTHONMALLOC": "debug"}, "the debug allocator is on"),
    "tracemalloc": ({"PYTHONTRACEMALLOC": "1"}, "tracemalloc is on"),
}
SYSTEM = ["malloc", "malloc_debug"]


def doctor(process):
    """{--python choice: what it would do}"""
    told = subprocess.run([UNFREED, "doctor", "-p", str(process.pid)], capture_output=True,
                          text=True, timeout=TIMEOUT, check=True).stdout
    return dict(line.split(maxsplit=2)[1:] for line in told.splitlines()
                if line.startswith("  --python"))


@pytest.fixture
def kinds(record, started):  # noqa: F811
    """What `doctor` says, what `record` says, its report, and what tracemalloc knows by line."""
    def run(python, environment, *options):
        twin = begin(python, started, SCRIPT, COUNT, "self")
        tell(twin)
        process = begin(python, started, SCRIPT, COUNT, environment=environment)
        told = doctor(process)
        recorder = record(process, options=options)
        tell(process)
        truth_of(process)
        result = recorder.stop()
        assert result.status == 0, result.stderr
        assert not result.losses
        return told, result, {int(line): row for line, row in truth_of(twin)["lines"].items()}
    return run


def blocks_by_line(report, domain):
    lines = {}
    for stack in report["stacks"]:
        frames = [frame for frame in stack["frames"] if frame["kind"] == "python"]
        if stack["domain"] == domain and frames and frames[-1]["file"].endswith(SCRIPT):
            line = frames[-1]["line"]
            lines[line] = lines.get(line, 0) + stack["live_blocks"]
    return lines


def assert_blocks(lines, own):
    whole = sum(row[1] for row in own.values())
    assert whole > 10 * COUNT
    assert abs(sum(lines.get(line, 0) for line in own) - whole) <= 0.001 * whole


@pytest.mark.parametrize("name", SYSTEM)
@pytest.mark.parametrize("python", PYTHONS)
def test_malloc(python, name, kinds):
    told, result, own = kinds(python, {"PYTHONMALLOC": name})
    notice = "PYTHONMALLOC=malloc: malloc's probes see all of its blocks"
    assert all(notice in what for what in told.values())
    assert notice in result.stderr
    assert result.report["targets"][0]["python"]["mode"] == "malloc"
    assert_blocks(blocks_by_line(result.report, "malloc"), own)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_hook(python, hook, kinds):
    environment, notice = HOOKS[hook]
    told, result, own = kinds(python, environment)
    assert notice in told["auto"] and notice in told["pools"]
    assert notice in result.stderr
    seen = result.report["targets"][0]["python"]
    assert seen["mode"] == ("pools" if python.inlines else "exact")
    if python.inlines:
        assert seen["coverage_percent"] >= 95  # the pools that were in use are not seen
        return
    assert seen["coverage_percent"] >= 99.9
    assert_blocks(blocks_by_line(result.report, "python"),
                  {line: row for line, row in own.items() if row[0] != "buffers"})


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("python", PYTHONS[-1:])
def test_a_hook_where_exact_needs_steering(python, hook, record, started):  # noqa: F811
    """It is refused, as the slots are not the interpreter's own."""
    process = begin(python, started, SCRIPT, COUNT, environment=HOOKS[hook][0])
    assert "a hook stands in front of it; try --python pools" in doctor(process)["exact"]
    result = record(process, options=["--python", "exact"], wait=False).wait()
    assert result.status == 3
    assert "a hook stands in front of it; try --python pools" in result.stderr


@pytest.mark.parametrize("python", choose(find_pythons(), 13))
def test_mimalloc(python, record, started):  # noqa: F811
    process = begin(python, started, SCRIPT, COUNT, environment={"PYTHONMALLOC": "mimalloc"})
    notice = "its built-in mimalloc is not covered: only what it takes from malloc is seen"
    assert all(notice in what for what in doctor(process).values())
    recorder = record(process)
    assert any(notice in line for line in recorder.stderr.seen)
    tell(process)
    truth_of(process)
    result = recorder.stop()
    assert result.report["targets"][0]["python"]["mode"] == "malloc"
    assert sum(blocks_by_line(result.report, "malloc").values()) == COUNT
