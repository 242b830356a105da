# SPDX-License-Identifier: BSD-2-Clause
"""Interpreters that lie, and what only looks like one: whatever they say, the tool ends in time and in
bounded memory, with all that it can know and a word on what it cannot; it makes nothing up."""
import os
import random
import re
import struct
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, program
from pythons import begin, choose, find_pythons, started, tell, truth_of  # noqa: F401: a fixture
from test_hostile import Outputs, assert_harmless, assert_right, run, stacks_of

PYTHONS = choose(find_pythons(), 13) + [python for python in find_pythons()
                                        if python.values[0].inlines][:1]
UNKNOWN = "[unknown Python function]"
BLOCKS, BLOCK_BYTES = 1000, 70001
FRAMES_MAX = 256
MEMORY_MAX_KB = 600000
LIES = {
    "giant_name": UNKNOWN, "name_of_no_type": UNKNOWN, "unmapped_name": UNKNOWN,
    "unmapped_file": UNKNOWN, "unmapped_lines": UNKNOWN, "giant_lines": UNKNOWN, "no_code": UNKNOWN,
    "unmapped_code": UNKNOWN, "long_name": UNKNOWN, "random_lines": "middle",
    "control_name": "\x1b[2J</script>\ufffd\n\u202e\ufffd",
}


@pytest.fixture
def outputs(tmp_path):
    return Outputs(tmp_path)


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


@pytest.fixture
def lied_to(record, started, outputs):  # noqa: F811
    """The truth of a script that lies, the Python frames that hold its blocks, and the result."""
    def lie(python, case):
        process = begin(python, started, "python_hostile.py", case)
        recorder = record(process, options=outputs.options)
        tell(process)
        truth = truth_of(process)
        peak = peak_kb(recorder.process.pid)
        result = recorder.stop()
        assert result.cpu_s < 20
        assert peak < MEMORY_MAX_KB
        tell(process)
        process.lines.until("^unhurt$")
        assert process.wait(TIMEOUT) == 0
        assert result.status == 0, result.stderr
        assert_harmless(outputs, result)
        [stack] = [stack for stack in result.report["stacks"]
                   if stack["live_bytes"] == BLOCKS * BLOCK_BYTES]
        return truth, stack, [frame for frame in stack["frames"] if frame["kind"] == "python"], result
    return lie


@pytest.mark.parametrize("case", LIES)
@pytest.mark.parametrize("python", PYTHONS)
def test_a_code_object_that_lies(python, case, lied_to):
    truth, stack, frames, result = lied_to(python, case)
    name = LIES[case]
    if case in ("giant_lines", "unmapped_lines") and frames[2]["name"] == "middle":
        # a line table does not tell one code object from another: it was read before the lie
        name = "middle"
    assert [frame["name"] for frame in frames] == ["<module>", "outer", name, "inner"]
    assert [(frame["file"], frame["line"]) for frame in (frames[1], frames[3])] == \
        [(truth["file"], truth["outer"]), (truth["file"], truth["inner"])]
    assert not stack["truncated"]
    if name == UNKNOWN:
        assert (frames[2]["file"], frames[2]["line"]) == (None, 0)
        assert result.losses["python_unnamed"]


@pytest.mark.parametrize("python", PYTHONS)
def test_frames_that_end_nowhere(python, lied_to):
    _, stack, frames, _ = lied_to(python, "unmapped_chain")
    assert [frame["name"] for frame in frames] == ["middle", "inner"]
    assert stack["truncated"]


@pytest.mark.parametrize("python", PYTHONS)
def test_frames_in_a_loop(python, lied_to):
    _, stack, frames, _ = lied_to(python, "loop")
    assert {frame["name"] for frame in frames} == {"middle", "inner"}
    assert len(frames) <= FRAMES_MAX
    assert stack["truncated"]


# --- what only looks like one -------------------------------------------------------------------

COOKIE = b"xdebugpy"
NO_SENSE = "makes no sense"
NOT_KNOWN = "this version is not known"


def described(version, rest):
    return COOKIE + struct.pack("<Q", version) + rest


RUNTIMES = {
    "no_description": (b"", "is not what this version has"),
    "zeros": (described(0x030d00f0, bytes(1000)), NO_SENSE),
    "ones": (described(0x030d00f0, bytes(8) + b"\xff" * 1000), NO_SENSE),
    "random": (described(0x030e00f0, bytes(8) + random.Random(3).randbytes(2000)), NO_SENSE),
    "free_threaded": (described(0x030d00f0, struct.pack("<Q", 1) + bytes(1000)),
                      "a free-threaded build"),
    "old_version": (described(0x020700f0, bytes(1000)), NOT_KNOWN),
    "next_version": (described(0x031000f0, bytes(1000)), NOT_KNOWN),
    "no_version": (described(0xffffffffffffffff, b"\xff" * 1000), NOT_KNOWN),
}


@pytest.fixture(params=RUNTIMES)
def fake(request, tmp_path):
    """A library with what stands at its _PyRuntime replaced, and what is said of it."""
    runtime, words = RUNTIMES[request.param]
    path = tmp_path / "libpython3.11.so.1.0"
    data = program("libfake_python.so").read_bytes()
    at = data.index(b"_PyRuntime" + bytes(100))
    path.write_bytes(data[:at] + runtime + data[at + len(runtime):])
    return path, words


@pytest.mark.parametrize("mode", ["auto", "exact"])
def test_what_looks_like_an_interpreter(fake, mode, record):
    """It is traced as any other program."""
    path, words = fake
    with Target("hostile", "--library", path) as target:
        truth, result = run(record, target, ["--python", mode])
    assert_right(truth, result)
    [line] = [line for line in result.stderr.splitlines() if words in line]
    assert str(path) in line
    assert "python" not in result.report["targets"][0]
    assert stacks_of(result, "hostile_call")
    assert all(frame["kind"] == "native" for stack in result.report["stacks"]
               for frame in stack["frames"])


def test_doctor_on_what_looks_like_an_interpreter(fake):
    path, words = fake
    with Target("hostile", "--library", path) as target:
        told = subprocess.run([UNFREED, "doctor", "-p", str(target.pid)], capture_output=True,
                              text=True, timeout=TIMEOUT)
    assert told.returncode == 0, told.stderr
    [line] = [line for line in told.stdout.splitlines() if words in line]
    assert os.fspath(path) in line
