# SPDX-License-Identifier: BSD-2-Clause
"""Libraries that come and go while traced, each where the one before it lay: no frame is another
library's, and the tool does not grow."""
import collections
import pathlib
import re
import shutil
import signal
import time

from conftest import TIMEOUT, Target, program
from test_lifecycle import memory_and_descriptors

BATCHES, ROUNDS = 8, 300
LIBRARIES = 2
EPOLL_WAIT = "232"  # the system call that its loop waits in; for files it waits in another one
# Its caller was asked for while somebody held the lock on the mappings; other tracers do.
UNKNOWN = re.compile(r"\[0x[0-9a-f]+\]")
BELOW = ["load_and_call", "swap", "run", "truth_main", "main"]


def names_of(stack):
    return [frame["name"] for frame in reversed(stack["frames"])]


def assert_right(stack, library):
    """Complete, or cut and said to be; what is named is what was there."""
    names = names_of(stack)
    expected = [f"leak_{library}", f"inner_{library}", "swap_call", *BELOW]
    for name, right in zip(names, expected):
        assert name == right or UNKNOWN.fullmatch(name), names
    assert stack["truncated"] or names[3:len(expected)] == BELOW and names[-1] == "_start", names


def assert_own(stack, library):
    """Of a library that was unloaded before anyone could look: its caller at least."""
    names = names_of(stack)
    expected = [f"own_{library}", "swap_leak", "leak_own", *BELOW]
    assert names == expected[:len(names)] or not stack["truncated"], names
    assert stack["truncated"] or names[:len(expected)] == expected and names[-1] == "_start", names


def assert_kept(stack):
    """A library that the tracer had time to see."""
    names = names_of(stack)
    assert not stack["truncated"]
    assert names[:3] == ["leak_kept", "inner_a", "swap_call"] and names[-1] == "_start", names


def sleep_in_events(pid):
    """Tells one sleep of the tracer from the next, and is None while it is at work."""
    call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
    switches = re.findall(r"ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return switches if call[0] == EPOLL_WAIT else None


def memory_and_lasting_descriptors(pid):
    """While it waits for events: files that are read come and go."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        sleep = sleep_in_events(pid)
        look = memory_and_descriptors(pid)
        if sleep and sleep == sleep_in_events(pid):
            return look
    raise AssertionError("it never waits")


def test_two_libraries_in_turn(record, attach):
    samples = []
    with Target("swap", "--a", program("libswap-a.so"), "--b", program("libswap-b.so"),
                "--rounds", ROUNDS, "--batches", BATCHES) as target:
        recorder = record(target, options=attach)
        _, descriptors_before = memory_and_lasting_descriptors(recorder.process.pid)
        for _ in range(BATCHES):
            target.go()
            target.lines.until("^batch$")
            samples.append(memory_and_lasting_descriptors(recorder.process.pid))
        target.go()
        target.lines.until("^kept$")
        memory_and_lasting_descriptors(recorder.process.pid)
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert truth["same_place"] > 0.9 * BATCHES * ROUNDS
    complete = kept = unknown = 0
    own = {"own_a": 0, "own_b": 0}
    for stack in result.report["stacks"]:
        leaf = stack["frames"][-1]["name"]
        if leaf in ("leak_a", "leak_b"):
            assert_right(stack, leaf[-1])
            complete += not stack["truncated"]
        elif leaf in ("own_a", "own_b"):
            assert_own(stack, leaf[-1])
            own[leaf] += stack["live_blocks"]
        elif leaf == "leak_kept":
            assert_kept(stack)
            kept += 1
        elif UNKNOWN.fullmatch(leaf):
            unknown += stack["live_blocks"]
    assert complete and kept == 1
    assert max(own.values()) <= BATCHES * ROUNDS
    assert sum(own.values()) + unknown >= 2 * BATCHES * ROUNDS
    assert unknown < 0.02 * sum(own.values())
    assert set(result.losses) <= {"unwind_no_mapping", "unwind_busy"}
    assert len(result.report["stacks"]) < 100
    # each library's file is opened once, as soon as it is caught while it is mapped
    assert max(descriptors for _, descriptors in samples) <= descriptors_before + LIBRARIES
    assert max(kib for kib, _ in samples[2:]) <= samples[2][0] * 1.02 + 512


def test_libraries_while_mappings_change(record):
    """What lies at the caller can seldom be asked for then: it may be unknown, but never the other."""
    rounds = 200
    with Target("swap", "--a", program("libswap-a.so"), "--b", program("libswap-b.so"),
                "--rounds", rounds, "--busy") as target:
        recorder = record(target)
        recorder.process.send_signal(signal.SIGSTOP)  # the list comes too late for the first
        target.go()
        for line in ("stays", "batch", "kept"):
            target.lines.until(f"^{line}$")
            recorder.process.send_signal(signal.SIGCONT)
            memory_and_lasting_descriptors(recorder.process.pid)
            target.go()
        target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    blocks = collections.Counter()
    for stack in result.report["stacks"]:
        leaf = stack["frames"][-1]["name"]
        blocks["unknown" if UNKNOWN.fullmatch(leaf) else leaf] += stack["live_blocks"]
    assert max(blocks["own_a"], blocks["own_b"]) <= rounds + 1, blocks
    assert sum(blocks[leaf] for leaf in ("own_a", "own_b", "unknown")) > 2 * rounds


def copy_to_neighbours(directory):
    """The two libraries, in files whose numbers differ in the last bit alone."""
    file_of = {}
    for i in range(4096):
        file = directory / f"{i}.so"
        file.touch()
        number = file.stat().st_ino
        file_of[number] = file
        if number ^ 1 in file_of:
            break
    first, second = file_of[number ^ 1], file_of[number]
    shutil.copy(program("libswap-a.so"), first)
    shutil.copy(program("libswap-b.so"), second)
    return first, second


def test_libraries_that_nobody_has_read(record, tmp_path):
    """While the tracer sleeps only the kernel's numbers tell one from the other."""
    first, second = copy_to_neighbours(tmp_path)
    rounds = 50
    with Target("swap", "--a", first, "--b", second, "--rounds", rounds) as target:
        recorder = record(target)
        recorder.process.send_signal(signal.SIGSTOP)
        target.go()
        for line in ("batch", "kept"):
            target.lines.until(f"^{line}$")
            recorder.process.send_signal(signal.SIGCONT)
            target.go()
        target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    blocks = collections.Counter()
    for stack in result.report["stacks"]:
        blocks[stack["frames"][-1]["name"], stack["live_bytes"] // max(1, stack["live_blocks"])] += \
            stack["live_blocks"]
    assert blocks["own_a", 72] and blocks["own_b", 88], blocks
    assert {bytes_ for name, bytes_ in blocks if name == "own_a"} == {72}, blocks
    assert {bytes_ for name, bytes_ in blocks if name == "own_b"} == {88}, blocks
