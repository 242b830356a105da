# SPDX-License-Identifier: BSD-2-Clause
"""Ends in mid-trace: of the target, of the tool, each by itself and by force."""
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Recorder, Target, assert_exact, eventually, needs, seeds


def bpf_objects(kind):
    """Identity and owners of every BPF link or program on this machine. Where one of them goes
    away meanwhile, as those of other tracers do, bpftool fails."""
    for _ in range(20):
        run = subprocess.run([needs("bpftool"), "-j", kind, "show"], capture_output=True, text=True)
        if not run.returncode:
            break
    assert not run.returncode, run.stderr
    return {entry["id"]: {owner["pid"] for owner in entry.get("pids", [])}
            for entry in json.loads(run.stdout or "[]")}


def orphans(before, killed):
    """Links and programs that came since `before` and belong to a killed tool, or to nobody."""
    found = []
    for kind in ("link", "prog"):
        for number, owners in bpf_objects(kind).items():
            if number not in before[kind] and not owners - {killed}:
                found.append((kind, number))
    return found


def code_digest(pid):
    """Of all code from files that a process has mapped: a breakpoint left behind changes it."""
    digest = hashlib.sha256()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, _, _, inode = line.split()[:5]
            if "x" in rights and inode != "0":
                start, end = (int(part, 16) for part in where.split("-"))
                memory.seek(start)
                digest.update(memory.read(end - start))
    return digest.hexdigest()


def test_the_target_exits(record, attach):
    """The report comes by itself, and is complete up to the end."""
    with Target("family") as target:
        recorder = record(target, options=attach)
        target.go()
        truth = target.truth()
        assert target.finish() == 0
        result = recorder.wait()
    assert result.status == 0, result.stderr
    assert_exact(truth, result)


def test_the_target_is_killed(record, attach):
    with Target("family") as target:
        recorder = record(target, options=attach)
        target.go()
        truth = target.truth()
        target.kill()
        result = recorder.wait()
    assert result.status == 0, result.stderr
    assert_exact(truth, result)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR2], ids=lambda n: n.name)
def test_the_signal_that_ended_the_target_is_named(record, number):
    with Target("family") as target:
        recorder = record(target)
        target.process.send_signal(number)
        target.process.wait()
        result = recorder.wait()
    assert f"process {target.pid} was killed by signal {int(number)} (" in result.stderr


def test_the_status_of_the_target_is_named(record):
    with Target("family") as target:
        recorder = record(target)
        assert target.finish() == 0
        result = recorder.wait()
    assert f"process {target.pid} ended with status 0\n" in result.stderr


def test_a_command_that_runs_on_is_named(record):
    recorder = record(options=["--", "sleep", "1000"])
    recorder.process.send_signal(signal.SIGINT)
    said = recorder.stderr.until("^unfreed: sleep ")
    pid = re.search(r"sleep runs on, as process (\d+)$", said)
    os.kill(int(pid[1]), signal.SIGKILL)
    assert recorder.wait().status == 0


def test_a_target_that_is_stopped_is_named(record):
    with Target("family") as target:
        target.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED)
        result = record(target).stop()
        target.process.send_signal(signal.SIGCONT)
    assert f"process {target.pid} (family) is stopped" in result.stderr
    assert f"kill -CONT {target.pid}" in result.stderr


def test_one_of_two_targets_exits(record):
    """The trace goes on for the other one."""
    with Target("family") as one, Target("family") as two:
        recorder = record(one, two)
        one.go()
        first = one.truth()
        one.kill()
        two.go()
        second = two.truth()
        result = recorder.stop()
    assert result.status == 0, result.stderr
    assert result.by_leaf(one.pid)["leak_via_malloc"]["live_bytes"] == \
        first["by_function"]["leak_via_malloc"]["live_bytes"]
    assert result.totals["live_blocks"] == first["live_blocks"] + second["live_blocks"]


def test_two_tools_on_one_target(tmp_path):
    """Neither sees the other."""
    with Target("family") as target:
        recorders = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            recorders.append(Recorder(tmp_path / name, "-p", target.pid))
            recorders[-1].wait_tracing()
        target.go()
        truth = target.truth()
        results = [recorder.stop() for recorder in recorders]
    for result in results:
        assert result.status == 0, result.stderr
        assert_exact(truth, result)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_signals_that_end_the_trace(record, number):
    with Target("family") as target:
        recorder = record(target)
        target.go()
        truth = target.truth()
        recorder.process.send_signal(number)
        result = recorder.wait()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert_exact(truth, result)


@pytest.mark.alone  # another test's probes for all processes are in this code too
def test_attach_and_detach_again(record, attach):
    """Blocks of before, between and after a trace are not that trace's; no probe stays."""
    with Target("churn", "--threads", 2, "--pause-us", 100) as target:
        clean = code_digest(target.pid)
        target.go()
        for _ in range(2):
            recorder = record(target, options=attach)
            assert code_digest(target.pid) != clean
            result = recorder.stop()
            assert result.status == 0, result.stderr
            assert not result.losses
            assert result.totals["live_blocks"] <= 1000
        eventually(lambda: code_digest(target.pid) == clean, "a probe is left in the target")
        target.go()
        assert target.truth()["live_blocks"] <= 1000
        assert target.finish() == 0


def kill_the_tool(directory, target, delay_s):
    before = {kind: bpf_objects(kind) for kind in ("link", "prog")}
    recorder = Recorder(directory, "-p", target.pid)
    try:
        recorder.process.wait(delay_s)
        pytest.fail("the tool ended by itself: " + recorder.stderr.rest())
    except subprocess.TimeoutExpired:
        recorder.kill()
    assert recorder.process.returncode == -signal.SIGKILL
    eventually(lambda: not orphans(before, recorder.process.pid), "BPF links or programs stay")


@pytest.mark.alone  # all links of the machine are counted, another tool's too
@pytest.mark.parametrize("seed", seeds(2, 5))
def test_the_tool_is_killed_at_random_moments(tmp_path, seed):
    """10 moments each, from the start of the process to well into the trace. The target checks each
    block that it frees and ends itself where one is wrong; then its truth must come."""
    moments = random.Random(seed)
    with Target("churn", "--threads", 4, "--slots", 200, "--stacks", 50, "--pause-us", 50) as target:
        clean = code_digest(target.pid)
        target.go()
        for _ in range(10):
            kill_the_tool(tmp_path, target, moments.uniform(0.005, 0.5))
            assert target.process.poll() is None
        eventually(lambda: code_digest(target.pid) == clean, "a probe is left in the target")
        target.go()
        truth = target.truth()
        assert truth["live_blocks"] <= 200
        assert target.finish() == 0


def test_a_trace_after_a_killed_tool(tmp_path, record):
    with Target("family") as target:
        first = Recorder(tmp_path, "-p", target.pid)
        first.wait_tracing()
        first.kill()
        recorder = record(target)
        target.go()
        truth = target.truth()
        assert_exact(truth, recorder.stop())


def memory_and_descriptors(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]), len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.long
def test_ten_minutes_of_churn(record):
    """The tool's memory and descriptors stay flat once all 20,000 stacks were seen."""
    with Target("churn", "--threads", 4, "--slots", 50000, "--stacks", 20000,
                "--pause-us", 1000) as target:
        recorder = record(target, options=["-i", "10"])
        target.go()
        samples = []
        for _ in range(20):
            with pytest.raises(subprocess.TimeoutExpired):
                recorder.process.wait(30)
            samples.append(memory_and_descriptors(recorder.process.pid))
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    warm = samples[4:]
    assert {descriptors for _, descriptors in warm} == {warm[0][1]}
    assert max(kib for kib, _ in warm) <= warm[0][0] * 1.02 + 512  # the allocator's own slack
    assert_exact(truth, result)


def test_the_tool_traces_itself_clean(tmp_path):
    """Nothing that it allocates outlives it, but for the thread descriptors and the time zone that
    glibc keeps."""
    report = tmp_path / "self.json"
    with Target("churn") as target:
        inner = [UNFREED, "record", "--exact", "-q", "-d", "1", "-p", str(target.pid),
                 "-o", tmp_path / "inner.svg", "-o", tmp_path / "inner.pb.gz"]
        subprocess.run([UNFREED, "record", "-q", "-o", report, "--", *inner], check=True, timeout=TIMEOUT)
    stacks = json.loads(report.read_text())["stacks"]
    assert stacks
    kept = [[frame["name"] for frame in stack["frames"]] for stack in stacks if stack["live_blocks"]]
    assert all({"pthread_create", "__tz_convert"} & set(names) for names in kept), kept
