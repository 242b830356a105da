# SPDX-License-Identifier: BSD-2-Clause
"""`record --budget`: a busy process whose calls are recorded in windows alone. Which stack grows is
told, or it is said that it cannot be told; what it costs is what was asked for, or less."""
import json
import os
import random
import re
import signal
import subprocess

import pytest

from conftest import (TIMEOUT, UNFREED, Lines, Recorder, Target, eventually, own_libc,
                      program, seeds)
from test_lifecycle import bpf_objects, code_digest, orphans

LEAKS = 1000
SECONDS = 12
COST_SECONDS = 6  # windows enough to see what they cost
FUNCTIONS = ["leak_one", "fill_lru", "fill_ttl", "serve"]
ALONE = {}  # environment of the programs


@pytest.fixture(scope="module", autouse=True)
def libc_of_their_own(tmp_path_factory):
    """What another test records of all processes (--follow-forks) would disturb them, not what is
    recorded here."""
    ALONE.update(own_libc(tmp_path_factory.mktemp("libc")))


def watch(record, *args, percent=5, leaks=LEAKS, seconds=SECONDS, options=()):
    """The program is busy before and after; it counts from when the tracer says that it is there."""
    with Target("requests", "--leaks", leaks, *args, environment=ALONE) as target:
        recorder = record(target, options=["--budget", percent, "-d", seconds, *options])
        target.go()
        result = recorder.wait()
        target.go()
        truth = target.truth()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert result.report["mode"] == "windows"
    return truth, result


def of_function(report, name):
    """What the stacks below a function grew by, by verdict."""
    return [stack for stack in report["stacks"]
            if any(frame["name"] == name for frame in stack["frames"])]


def verdicts(report, name):
    return {stack["growth"]["verdict"] for stack in of_function(report, name)}


def check_cost(truth, report, percent):
    """By our own account, and by the program's: requests in which calls were traps."""
    windows = report["windows"]
    assert windows["asked_percent"] == percent
    assert windows["count"] > 0 and windows["failed"] == 0
    assert 0 < windows["spent_percent"] <= percent * 1.2
    assert truth["disturbed_ns"] <= truth["cpu_ns"] * percent / 100 * 1.2


def check_text(text, saved):
    said = " ".join(text.read_text().split())
    assert re.search(r"windows \d+, [\d.]+ s in all, \S+ % of its CPU time of 20 % asked for", said)
    again = subprocess.run([UNFREED, "report", saved], capture_output=True, text=True, timeout=60)
    assert again.returncode == 0 and again.stdout == text.read_text()


@pytest.mark.parametrize("kind", ["auto", pytest.param("multi", marks=pytest.mark.long)])
def test_a_leak_among_full_caches(record, kind, tmp_path):
    """Said alike in all outputs."""
    text, saved = tmp_path / "report.txt", tmp_path / "report.pb.gz"
    truth, result = watch(record, percent=20, options=["--attach", kind, "-o", text, "-o", saved])
    check_text(text, saved)
    report = result.report
    check_cost(truth, report, 20)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(report, name), name
    first = report["stacks"][0]
    said = [report["windows"], *(stack["growth"] for stack in report["stacks"])]
    assert "leak_one" in {frame["name"] for frame in first["frames"]}, said
    growth = first["growth"]
    assert growth["verdict"] == "grows" and growth["samples"] >= 3
    # the program's own time is a little longer or shorter than the recording
    expected = LEAKS * report["duration_s"]
    assert abs(growth["blocks"] - expected) < expected / 5
    rate = LEAKS * 512 * 3600
    assert growth["low"] <= rate * 1.05 and growth["high"] >= rate * 0.95
    assert abs(growth["bytes_per_hour"] - rate) < rate / 5
    assert report["windows"]["bytes_per_hour"] == pytest.approx(rate * 528 / 512, rel=0.1)
    assert abs(report["memory"]["unexplained"]) < 528 * expected / 5


def check_leak(report, expected, pid=None):
    """It is the only stack that grows, and by about that many blocks."""
    grows = [stack for stack in report["stacks"] if stack["growth"]["verdict"] == "grows"]
    said = [report["windows"], *(stack["growth"] for stack in report["stacks"])]
    assert len(grows) == 1, said
    assert "leak_one" in {frame["name"] for frame in grows[0]["frames"]}
    assert pid is None or grows[0]["pid"] == pid
    assert abs(grows[0]["growth"]["blocks"] - expected) < expected / 5, (expected, said)


def test_a_child_that_comes_meanwhile(record):
    """Its processor time pays for windows, too, and its heap is its own."""
    with Target("requests", "--leaks", LEAKS, "--child", environment=ALONE) as target:
        recorder = record(target, options=["--budget", 20, "-d", SECONDS + 1, "--follow-forks"])
        target.go()
        result = recorder.wait()
        target.go()
        truth = target.truth()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    check_cost(truth, result.report, 20)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name
    check_leak(result.report, truth["leaked"], truth["pid"])


def test_children_that_hardly_live(record):
    """Hundreds of them, some of which end within a window: the target is watched on, and each is told
    of what it is, or it is said that it cannot be told."""
    with Target("requests", "--leaks", LEAKS, "--children", 20, environment=ALONE) as target:
        recorder = record(target, options=["--budget", 20, "-d", SECONDS, "--follow-forks"])
        target.go()
        result = recorder.wait()
        target.go()
        truth = target.truth()
        assert target.finish() == 0
    assert truth["children"] > 20 and truth["failed_children"] == 0
    check_cost(truth, result.report, 20)
    check_leak(result.report, LEAKS * result.report["duration_s"], target.pid)


def test_a_command(tmp_path):
    """Nothing is known of what it calls before it runs."""
    report = tmp_path / "report.json"
    command = [UNFREED, "record", "--budget", "20", "-o", report, "--all-stacks", "--",
               program("requests"), "--leaks", LEAKS]  # fmt: skip
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **ALONE})
    lines, said = Lines(process.stdout), Lines(process.stderr)
    try:
        lines.until("^ready$")
        process.stdin.write("\n")
        process.stdin.flush()
        said.until("tracing")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(SECONDS)
        process.stdin.write("\n")
        process.stdin.flush()
        truth = json.loads(lines.until("^{"))
        process.stdin.close()
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait(TIMEOUT)
    report = json.loads(report.read_text())
    assert report["mode"] == "windows"
    check_cost(truth, report, 20)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(report, name), name
    check_leak(report, truth["leaked"])


def test_probes_of_perf(record):
    """They stay for long when a window is over, which is a part of it: there are few windows."""
    truth, result = watch(record, percent=20, options=["--attach", "perf"])
    assert result.report["windows"]["spent_percent"] <= 20 * 1.2
    assert truth["disturbed_ns"] <= truth["cpu_ns"] * 0.2 * 1.2
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name


def test_half_of_its_time(record):
    """Where probes are dear, as in the emulated guests of scripts/check-kernels: few windows, and none
    that tells a wrong stack."""
    truth, result = watch(record, percent=50)
    windows = result.report["windows"]
    assert windows["count"] > 0 and windows["failed"] == 0
    assert 0 < windows["spent_percent"] <= 50 * 1.2
    assert of_function(result.report, "serve"), result.report["stacks"]
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name
    assert truth["leaked"] > 0


def test_one_size_for_all(record):
    """Caches and requests allocate what is leaked, too: the leak, or nobody."""
    truth, result = watch(record, "--same")
    check_cost(truth, result.report, 5)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name
    leak, = of_function(result.report, "leak_one")
    assert leak["growth"]["verdict"] == "grows" or leak["growth"]["suspect"]


def test_no_leak(record):
    truth, result = watch(record, leaks=0)
    check_cost(truth, result.report, 5)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name
    assert result.report["totals"]["live_bytes"] == 0


def test_too_short_to_tell(record):
    """After three looks at the heap nobody knows what grows: not that nothing does."""
    _, result = watch(record, seconds=0.25)
    assert "too seldom" in result.report["windows"]["problem"]


def test_a_small_budget(record):
    """Requests of one beside it that nobody records are disturbed, too, by other things than ours: on a
    busy machine by as much as is asked for."""
    with Target("requests", "--leaks", LEAKS, environment=ALONE) as other:
        other.go()
        truth, result = watch(record, percent=1)
        other.go()
        alone = other.truth()
    truth["disturbed_ns"] -= truth["cpu_ns"] * alone["disturbed_ns"] / alone["cpu_ns"]
    check_cost(truth, result.report, 1)
    for name in FUNCTIONS[1:]:
        assert "grows" not in verdicts(result.report, name), name


def test_a_function_that_becomes_frequent(record):
    """Its probes were kept in place, as it was not called at all."""
    truth, result = watch(record, "--callocs", 40, seconds=COST_SECONDS)
    check_cost(truth, result.report, 5)
    assert result.report["windows"]["promoted"] > 0


def test_several_share_one_budget(record):
    with (Target("requests", "--leaks", LEAKS, environment=ALONE) as first,
          Target("requests", environment=ALONE) as second):
        recorder = record(first, second, options=["--budget", 5, "-d", COST_SECONDS])
        for target in (first, second):
            target.go()
        result = recorder.wait()
        for target in (first, second):
            target.go()
            truth = target.truth()
            assert truth["disturbed_ns"] <= truth["cpu_ns"] * 2 * 0.05 * 1.2
    assert result.report["windows"]["spent_percent"] <= 5 * 1.2
    grows = [stack for stack in result.report["stacks"] if stack["growth"]["verdict"] == "grows"]
    assert {stack["pid"] for stack in grows} <= {first.pid}


def test_another_allocator(record):
    """Which sizes grow is not known, and so nothing is said."""
    if not (UNFREED.parent / "programs/churn.jemalloc").exists():
        pytest.skip("jemalloc is not installed")
    with Target("churn.jemalloc", "--threads", 2) as target:
        target.go()
        recorder = record(target, options=["--budget", 5, "-d", 4])
        result = recorder.wait()
        target.go()
        target.truth()
    assert result.report["windows"]["count"] > 0
    assert result.report["windows"]["problem"]
    assert {stack["growth"]["verdict"] for stack in result.report["stacks"]} <= {"cannot tell", "steady"}


def test_the_target_ends(record):
    with Target("requests", "--leaks", LEAKS, environment=ALONE) as target:
        recorder = record(target, options=["--budget", 5])
        target.go()
        target.go()
        target.truth()
        assert target.finish() == 0
        result = recorder.wait()
    assert result.status == 0
    assert result.report["mode"] == "windows"


@pytest.mark.parametrize("options, sentence", [
    (["--budget", "60"], '--budget needs a percentage from 0.1 to 50, not "60"'),
    (["--budget", "5%"], '--budget needs a percentage from 0.1 to 50, not "5%"'),
    (["--budget", "5", "--exact"], "leave --exact"),
    (["--budget", "5", "--growth"], "leave --exact, --growth"),
])
def test_what_contradicts_itself(options, sentence):
    run = subprocess.run([UNFREED, "record", "-p", str(os.getpid()), *options],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert sentence in run.stderr and len(run.stderr.splitlines()) == 1


def kill_at_random(tmp_path, target, options, seed):
    """Windows are open half of the time."""
    moments = random.Random(seed)
    clean = code_digest(target.pid)
    target.go()
    for _ in range(8):
        before = {kind: bpf_objects(kind) for kind in ("link", "prog")}
        recorder = Recorder(tmp_path, "-p", target.pid, options=["--budget", 50, *options])
        recorder.wait_tracing()
        with pytest.raises(subprocess.TimeoutExpired):
            recorder.process.wait(moments.uniform(0.005, 0.6))
        recorder.kill()
        assert recorder.process.returncode == -signal.SIGKILL
        eventually(lambda: not orphans(before, recorder.process.pid), "BPF links or programs stay")
        assert target.process.poll() is None
    eventually(lambda: code_digest(target.pid) == clean, "a probe is left in the target")
    target.go()


@pytest.mark.alone  # all links of the machine are counted, another tool's too
@pytest.mark.parametrize("seed", seeds(1, 3))
def test_the_tool_is_killed_at_random_moments(tmp_path, seed):
    """The target checks each block that it frees and ends itself where one is wrong; then its truth must
    come."""
    with Target("churn", "--threads", 2, "--slots", 200, "--stacks", 50, "--pause-us", 50) as target:
        kill_at_random(tmp_path, target, [], seed)
        assert target.truth()["live_blocks"] <= 200
        assert target.finish() == 0


@pytest.mark.alone
def test_the_tool_is_killed_while_processes_come_and_go(tmp_path):
    """In a window probes are in all of them, and a child has its parent's from its first instruction."""
    with Target("requests", "--children", 20, environment=own_libc(tmp_path)) as target:
        kill_at_random(tmp_path, target, ["--follow-forks"], 7)
        truth = target.truth()
        assert truth["children"] > 20 and truth["failed_children"] == 0
        assert target.finish() == 0
