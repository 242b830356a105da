# SPDX-License-Identifier: BSD-2-Clause
"""Live interpreters of every version here, compared with what they say of themselves."""
import json
import random
import signal
import subprocess
import time

import pytest

from conftest import BUILD, ROOT, TIMEOUT, Lines, program
from pythons import find_pythons, probe, started  # noqa: F401: a fixture

pytestmark = pytest.mark.long

PYTHONS = find_pythons()
CALLED_C = 1

if not PYTHONS:
    pytest.skip("no CPython 3.8 to 3.15 here", allow_module_level=True)


def read_threads(lines):
    """{pthread id: [[code, flags, line, first line, name, file], …]} of the frames command."""
    threads = {}
    for line in lines:
        if line[0] == "thread":
            stack = threads[line[2]] = []
        elif line[0].startswith("frame "):
            stack.append([int(line[0][6:], 16), *map(int, line[1:4]), *line[4:]])
        elif line[0] in ("lost", "changed", "error"):
            pytest.fail(" ".join(line))
    return threads


@pytest.mark.parametrize("depth", [60, 500])
@pytest.mark.parametrize("python", PYTHONS)
def test_frames_equal_pythons_own(python, depth, started):
    process = python.start("python_stacks.py", depth)
    started.append(process)
    truth = json.loads(process.lines.next("the truth"))["threads"]
    lines = probe("frames", process.pid)
    assert ["checked", "1"] in lines
    threads = read_threads(lines)
    assert threads.keys() == truth.keys()
    for thread, expected in truth.items():
        assert [[code, name, file, line]
                for code, _, line, _, name, file in threads[thread]] == expected
    assert max(map(len, truth.values())) > depth


@pytest.mark.parametrize("python", PYTHONS)
def test_calls_from_c_are_marked(python, started):
    process = python.start("python_stacks.py")
    started.append(process)
    process.lines.next("the truth")
    flags = {}
    for stack in read_threads(probe("frames", process.pid)).values():
        assert stack[0][1] == CALLED_C
        for frame, inner in zip(stack[1:], stack):
            flags[frame[4].split(".")[-1], inner[4].split(".")[-1]] = frame[1]
    c_is_between = {("key", "<lambda>"), ("callbacks", "key"), ("dynamic", "<module>"),
                    ("finalized", "__del__")}
    assert {pair for pair in c_is_between if flags[pair] != CALLED_C} == set()
    expected = 0 if python.minor >= 11 else CALLED_C
    assert flags["recurse", "recurse"] == expected
    assert flags["<lambda>", "recurse"] == expected


@pytest.mark.parametrize("python", PYTHONS)
def test_blocks_equal_pythons_own(python, started):
    process = python.start("python_stacks.py")
    started.append(process)
    truth = json.loads(process.lines.next("the truth"))["blocks"]
    [_, blocks] = probe("blocks", process.pid)
    assert blocks[0] == "blocks"
    assert abs(int(blocks[1]) - truth) <= 20


ALLOCATORS = [
    ({}, "pymalloc", "none"),
    ({"PYTHONMALLOC": "malloc"}, "malloc", "none"),
    ({"PYTHONMALLOC": "debug"}, "pymalloc", "debug"),
    ({"PYTHONMALLOC": "malloc_debug"}, "malloc", "debug"),
    ({"PYTHONTRACEMALLOC": "1"}, "pymalloc", "tracemalloc"),
    ({"PYTHONMALLOC": "debug", "PYTHONTRACEMALLOC": "2"}, "pymalloc", "tracemalloc"),
    ({"PYTHONMALLOC": "mimalloc"}, "mimalloc", "none"),
]


@pytest.mark.parametrize("environment, backend, hook", ALLOCATORS)
@pytest.mark.parametrize("python", PYTHONS)
def test_allocators_are_told_apart(python, environment, backend, hook, started):
    if backend == "mimalloc" and python.minor < 13:
        pytest.skip("mimalloc came with 3.13")
    process = python.start("python_busy.py", environment=environment)
    started.append(process)
    process.lines.until("ready")
    found = dict(line[:2] for line in probe("slots", process.pid) if len(line) > 1)
    assert (found["backend"], found["hook"]) == (backend, hook)
    if backend == "pymalloc":
        assert {"malloc", "calloc", "realloc", "free"} <= found.keys()
        assert ("refill" in found) == (python.minor >= 9)


def steer(process, command="steer"):
    tool = subprocess.Popen([program("python_probe"), command, str(process.pid)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    tool.stdout.readline()
    tool.first = tool.stdout.readline().split()
    return tool


def release(tool):
    tool.stdin.close()
    rest = tool.stdout.read().split()
    tool.wait()
    return rest


def steerable(python, started):
    process = python.start("python_busy.py")
    started.append(process)
    process.lines.until("ready")
    aliases = [line for line in probe("slots", process.pid) if line[0] == "alias"]
    if not all(int(line[1], 16) for line in aliases):
        tool = steer(process)
        assert tool.first[0] == "error" and release(tool) == []
        pytest.skip("a function has no alias: refused, as it must be")
    return process


def is_steered(process):
    return any("steered" in line for line in probe("slots", process.pid))


def ask(process, command):
    process.stdin.write(command + "\n")
    process.stdin.flush()
    return process.lines.next(command)


@pytest.mark.parametrize("python", PYTHONS)
def test_steering_goes_and_comes(python, started):
    process = steerable(python, started)
    for killed in random.Random(python.minor).choices([False, True], k=12):
        before = is_steered(process)
        tool = steer(process)
        assert tool.first[:2] == ["steered", "found"]
        assert tool.first[2] == ("8" if before else "0")
        assert is_steered(process)
        if killed:
            tool.kill()
            release(tool)
            assert is_steered(process)
        else:
            assert release(tool)[:2] == ["restored", "0"]
            assert not is_steered(process)
    release(steer(process))
    assert not is_steered(process)
    assert ask(process, "fork") == "0"
    assert ask(process, "stop").startswith("good ")


@pytest.mark.parametrize("python", PYTHONS)
def test_steering_killed_at_any_moment(python, started):
    process = steerable(python, started)
    chance = random.Random(python.minor)
    for _ in range(20):
        tool = subprocess.Popen([program("python_probe"), "steer", str(process.pid)],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 0.03))
        tool.kill()
        tool.wait()
        tool.stdin.close()
        before = int(ask(process, "count"))
        while int(ask(process, "count")) == before:
            time.sleep(0.001)
    assert release(steer(process))[:2] == ["restored", "0"]
    assert not is_steered(process)
    assert ask(process, "stop").startswith("good ")


@pytest.mark.parametrize("python", PYTHONS)
def test_steering_survives_fork_and_exec(python, started):
    process = steerable(python, started)
    tool = steer(process)
    assert ask(process, "fork") == "0"
    assert ask(process, "exec") == "ready"
    assert not is_steered(process)
    assert release(tool)[:2] == ["restored", "0"]
    assert ask(process, "stop").startswith("good ")


@pytest.mark.parametrize("python", PYTHONS)
def test_steering_ends_with_the_target(python, started):
    process = steerable(python, started)
    tool = steer(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert release(tool)[:2] == ["restored", "0"]


@pytest.fixture(scope="session")
def kernel():
    """The walker as a BPF program, alone."""
    made = subprocess.run(["make", "-s", "-C", ROOT / "tests/bpf", f"BUILD={BUILD}/tests/bpf", "python"],
                          stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        pytest.skip(f"the test's own BPF program is not to be built here: {made.stderr[-300:]}")
    return [BUILD / "tests/bpf/python_kernel", BUILD / "tests/bpf/python_walk.bpf.o"]


def kernel_stack(kernel, pid, thread, function):
    """The stack of a thread when it next calls a function of libc."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        [library] = {line.split()[-1] for line in maps if "/libc.so" in line}
    found = subprocess.run([*kernel, str(pid), str(thread), library, function],
                           stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    [stack] = read_threads(line.split("\t") if "\t" in line else line.split(" ")
                           for line in found.stdout.splitlines()).values()
    return stack


@pytest.mark.parametrize("function", ["getppid", "write"])
@pytest.mark.parametrize("depth", [20, 500])
@pytest.mark.parametrize("python", PYTHONS)
def test_kernel_sees_the_same_frames(python, depth, function, kernel, started):
    """With the GIL held and released, while another thread has it."""
    process = python.start("python_loop.py", depth)
    started.append(process)
    truth = json.loads(process.lines.next("the truth"))
    stack = kernel_stack(kernel, process.pid, truth["thread"], function)
    assert [[code, name, file, line] for code, _, line, _, name, file in stack] == truth["frames"]


def embedded(command, started):
    process = subprocess.Popen([program("python_embedded"), command], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    started.append(process)
    Lines(process.stdout).until("ready")
    return process


def test_an_interpreter_in_a_library_at_rest(started):
    process = embedded("idle", started)
    lines = probe("frames", process.pid)
    assert ["checked", "0"] in lines
    assert list(read_threads(lines).values()) == [[]]


def test_the_interpreter_that_runs_among_several(kernel, started):
    process = embedded("interpreters", started)
    assert len([line for line in probe("frames", process.pid) if line[0] == "thread"]) == 3
    names = [frame[4] for frame in kernel_stack(kernel, process.pid, process.pid, "getppid")]
    assert names == ["loop"] * 10 + ["<module>"]


def test_what_is_no_python():
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        assert probe("frames", sleeper.pid)[0][:2] == ["error", "-2"]
    finally:
        sleeper.kill()
        sleeper.wait()
