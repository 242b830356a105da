# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed record` of live interpreters, compared with what they say of themselves."""
import json
import re

import pytest

from pythons import find_pythons, probe, started  # noqa: F401: a fixture

PYTHONS = find_pythons()
FRAMES_MAX = 256

if not PYTHONS:
    pytest.skip("no CPython 3.8 to 3.15 here", allow_module_level=True)


def run(python, script, record, started, *options, arguments=()):
    """Runs a script under the tracer: its truth and the tracer's result."""
    process = python.start(script, *arguments)
    started.append(process)
    process.lines.until("ready")
    recorder = record(process, options=options)
    process.stdin.write("\n")
    process.stdin.flush()
    truth = json.loads(process.lines.next("the truth", timeout=240))
    result = recorder.stop()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.wait(30) == 0
    assert result.status == 0, result.stderr
    return process, truth, result


def python_of(result):
    [target] = result.report["targets"]
    return target["python"]


def below(stack, name):
    """Whether a Python function of this name is the innermost of its script in the stack."""
    names = [re.sub(r".*\.", "", frame["name"]) for frame in stack["frames"]
             if frame["kind"] == "python" and frame["file"].endswith("python_kinds.py")]
    return name in names


def exact_or_skip(python, record, started, *arguments):
    aliases = python.start("python_busy.py")
    started.append(aliases)
    aliases.lines.until("ready")
    found = dict(line[:2] for line in probe("slots", aliases.pid) if len(line) > 1)
    lines = [line for line in probe("slots", aliases.pid) if line[0] == "alias"]
    if found.get("inlined") == "1" and not all(int(line[1], 16) for line in lines):
        pytest.skip("a function has no alias: exact is not to be had")
    return run(python, "python_kinds.py", record, started, "--python", "exact",
               arguments=arguments)


@pytest.mark.parametrize("python", PYTHONS)
def test_exact_sees_every_block(python, record, started):
    _, truth, result = exact_or_skip(python, record, started, 2000)
    python_blocks = [stack for stack in result.report["stacks"] if stack["domain"] == "python"]
    live = sum(stack["live_blocks"] for stack in python_blocks)
    assert live - result.unknown_frees() - 60 <= truth["blocks"] <= live + 60
    assert python_of(result)["mode"] == "exact"
    assert python_of(result)["coverage_percent"] >= 99.9
    assert not result.losses
    for kind, count in truth["kinds"].items():
        if kind == "grown":
            continue
        blocks = sum(stack["live_blocks"] for stack in result.report["stacks"]
                     if below(stack, kind))
        assert blocks >= count * 0.99, kind


@pytest.mark.parametrize("python", PYTHONS)
def test_frames_equal_pythons_own(python, record, started):
    _, truth, result = run(python, "python_frames.py", record, started, "--python", "auto")
    stacks = {stack["live_bytes"]: stack for stack in result.report["stacks"]
              if stack["domain"] == "malloc" and str(stack["live_bytes"]) in truth}
    assert {str(size) for size in stacks} == set(truth)
    for size, stack in stacks.items():
        frames = [[frame["name"], frame["file"], frame["line"]]
                  for frame in reversed(stack["frames"]) if frame["kind"] == "python"]
        expected = truth[str(size)]
        assert frames == expected[:FRAMES_MAX]
        assert stack["truncated"] == (len(expected) > FRAMES_MAX)
        natives = [frame["kind"] for frame in stack["frames"]]
        first = natives.index("native") if "native" in natives else len(natives)
        assert "python" not in natives[first:], "native frames are leaves"


@pytest.mark.parametrize("python", PYTHONS)
def test_native_interpreter_shows_all(python, record, started):
    _, truth, result = run(python, "python_frames.py", record, started, "--native-interpreter")
    [stack] = [stack for stack in result.report["stacks"] if stack["live_bytes"] == 70001]
    kinds = [frame["kind"] for frame in stack["frames"]]
    assert kinds[0] == "native" and kinds[-1] == "native" and "python" in kinds
    assert any(frame["name"].startswith("_start") or "main" in frame["name"]
               for frame in stack["frames"])


@pytest.mark.parametrize("python", PYTHONS)
def test_pools_share(python, record, started):
    if python.minor < 9:
        pytest.skip("3.8 inlines the refill")
    process = python.start("python_kinds.py", 60000)
    started.append(process)
    process.lines.until("ready")
    recorder = record(process, options=["--python", "pools"])
    process.stdin.write("\n")
    process.stdin.flush()
    process.lines.next("the truth", timeout=240)
    result = recorder.stop()
    assert python_of(result)["mode"] == "pools"
    assert python_of(result)["coverage_percent"] >= 90
    pools = [stack for stack in result.report["stacks"] if stack["domain"] == "python"]
    total = sum(stack["live_bytes"] for stack in pools)
    wide = sum(stack["live_bytes"] for stack in pools if below(stack, "wide_str"))
    # 60,000 strings of 35 characters of two bytes and a zero, behind their header
    expected = 60000 * (144 if python.minor < 12 else 128)
    assert 0.85 * expected / total <= wide / total <= expected / total + 0.1


@pytest.mark.parametrize("python", PYTHONS)
def test_off_shows_native_frames(python, record, started):
    _, _, result = run(python, "python_frames.py", record, started, "--python", "off")
    assert all(frame["kind"] != "python" for stack in result.report["stacks"]
               for frame in stack["frames"])


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("python", PYTHONS)
def test_slots_are_given_back(python, killed, record, started):
    process = python.start("python_busy.py")
    started.append(process)
    process.lines.until("ready")
    lines = [line for line in probe("slots", process.pid) if line[0] == "alias"]
    if not all(int(line[1], 16) for line in lines):
        pytest.skip("a function has no alias")
    if killed:
        recorder = record(process, options=["--python", "exact"])
        recorder.kill()
    recorder = record(process, options=["--python", "exact"])
    announced = any("steering the allocator slots" in line for line in recorder.stderr.seen)
    steered = any("steered" in line for line in probe("slots", process.pid))
    assert announced == steered
    result = recorder.stop()
    assert result.status == 0 and python_of(result)["mode"] == "exact"
    assert not any("steered" in line for line in probe("slots", process.pid))


@pytest.mark.parametrize("mode", ["auto", "exact"])
@pytest.mark.parametrize("python", PYTHONS)
def test_workers_are_followed(python, mode, record, started):
    process = python.start("python_forks.py")
    started.append(process)
    process.lines.until("ready")
    recorder = record(process, options=["--python", mode, "--follow-forks"], wait=False)
    recorder.stderr.until(r": tracing |exact is not to be had")
    if "exact is not to be had" in recorder.stderr.seen[-1]:
        pytest.skip(recorder.stderr.seen[-1])
    process.stdin.write("\n")
    process.stdin.flush()
    workers = json.loads(process.lines.next("the workers", timeout=120))
    result = recorder.stop()
    assert result.status == 0
    for worker in workers:
        live = sum(stack["live_bytes"] for stack in result.report["stacks"]
                   if stack["pid"] == worker
                   and any(frame["name"] == "work" for frame in stack["frames"]))
        assert 20000 * 100 * 0.9 <= live, worker
