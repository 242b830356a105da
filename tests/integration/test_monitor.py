# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed monitor`: who is watched, what is said of them, what that costs."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import uuid

import pytest

from cgroups import memory_group
from conftest import TIMEOUT, UNFREED, Lines, Target
from monitors import Master, Monitor

FAILURE, USAGE, TARGET = 1, 2, 3


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


def group_of(pid):
    lines = [line.split(":", 2) for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    return next((path for _, controllers, path in lines if "memory" in controllers.split(",")),
                next((path for number, _, path in lines if number == "0"), None))


@pytest.fixture
def name():
    """Of processes that nobody else has."""
    return f"u{uuid.uuid4().hex[:6]}"


def pids_of(metrics, **labels):
    return {int(of["pid"]) for of, _ in metrics.all("unfreed_target_resident_bytes", **labels)}


def test_a_master_and_its_workers():
    with Target("prefork") as target, Monitor("-p", target.pid) as monitor:
        workers = {int(pid) for pid in target.lines.until("^workers").split()[1:]}
        service = f"prefork[{target.pid}]"
        everyone = workers | {target.pid}
        metrics = monitor.until(lambda seen: pids_of(seen) == everyone, "not all are watched")
        metrics = monitor.until_round()
        group = group_of(target.pid)
        for pid in everyone:
            labels = {"service": service, "pid": str(pid), "comm": "prefork"}
            if group:
                labels["cgroup"] = group
            assert metrics.one("unfreed_target_resident_bytes", **labels) == resident(pid)
            assert metrics.one("unfreed_target_threads", **labels) == 1
            assert metrics.one("unfreed_target_open_files", **labels) == \
                len(os.listdir(f"/proc/{pid}/fd"))
            assert 0 < metrics.one("unfreed_target_proportional_bytes", **labels) <= resident(pid)
        assert metrics.one("unfreed_service_processes", service=service) == 5
        assert metrics.one("unfreed_service_resident_bytes", service=service) == \
            sum(map(resident, everyone))
        assert metrics.text.endswith("\n# EOF\n")
        target.kill()
        assert monitor.process.wait(TIMEOUT) == 0, "all have ended"


def test_services_by_name_come_and_go(name):
    with Monitor("--comm", name) as monitor:
        assert monitor.stderr.seen[0] == f'unfreed: there is no process named "{name}": waiting for one'
        assert monitor.metrics().one("unfreed_targets") == 0
        for time in (1, 2):
            with Master(2, name) as master:
                metrics = monitor.until(lambda seen: len(pids_of(seen)) == 3, "not taken up")
                monitor.stderr.until(f"watching {name}, cgroup ")
                assert pids_of(metrics, service=name, comm=name) == {master.pid}
                assert len(pids_of(metrics, service=name, comm=f"{name}: worker")) == 2
                assert metrics.one("unfreed_service_processes_came_total", service=name) == 3 * time
            metrics = monitor.until(lambda seen: not pids_of(seen), "still there")
            assert metrics.one("unfreed_service_processes", service=name) == 0
            monitor.stderr.until(f"no process of {name} is left, cgroup ")
        assert monitor.end() == 0


def test_workers_that_are_replaced_cost_nothing_that_stays(name):
    """100 of them, one after the other: one service, and our own memory and files are flat."""
    with Master(5, name) as master, Monitor("-p", master.pid) as monitor:
        figures = []
        for time in range(20):
            workers = set(master.replace())
            metrics = monitor.until(lambda seen: pids_of(seen) == workers | {master.pid}, "not them")
            figures.append([metrics.one("unfreed_self_resident_bytes"),
                            metrics.one("unfreed_self_open_files")])
        assert len(metrics.all("unfreed_service_processes")) == 1
        assert metrics.one("unfreed_service_processes_came_total") >= 100
        memory, files = zip(*figures[5:])
        assert max(memory) - memory[0] <= 256 << 10
        assert max(files) - min(files) <= 1  # the connection that asks


def test_a_hangup_looks_for_processes_at_once(name):
    """At an interval of an hour; only after the looks of every five seconds' time they would be seen."""
    with Master(1, name) as master, Monitor("-p", master.pid, "-i", "3600") as monitor:
        workers = set(master.replace())
        monitor.process.send_signal(signal.SIGHUP)
        monitor.until(lambda seen: workers <= pids_of(seen), "not seen")
        assert monitor.end(signal.SIGINT) == 0


def test_the_limit_of_a_cgroup_and_who_was_ended_there(name):
    script = f"""
import sys
open("/proc/self/comm", "w").write("{name}")
print("ready", flush=True)
sys.stdin.readline()
data = b"x" * (200 << 20)
"""
    with memory_group(64) as group, Monitor("--comm", name) as monitor:
        process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            metrics = monitor.until(lambda seen: pids_of(seen) == {process.pid}, "not taken up")
            cgroup = {"cgroup": group_of(process.pid)}
            assert group.path.name in cgroup["cgroup"]
            assert metrics.one("unfreed_cgroup_memory_limit_bytes", **cgroup) == 64 << 20
            assert metrics.one("unfreed_cgroup_memory_oom_kills_total", **cgroup) == 0
            used = metrics.one("unfreed_cgroup_memory_bytes", **cgroup)
            assert 0 < used < 64 << 20
            assert metrics.one("unfreed_cgroup_memory_room_bytes", **cgroup) <= (64 << 20) - used + 1
            process.stdin.write("\n")
            process.stdin.flush()
            process.wait(TIMEOUT)
            monitor.until(lambda seen: seen.get("unfreed_cgroup_memory_oom_kills_total", **cgroup) == 1,
                          "its end is not told")
        finally:
            process.kill()
            process.wait(TIMEOUT)


@pytest.mark.parametrize("args, status", [
    (["-p", "4194303"], TARGET),
    (["-p", "1", "--listen", "localhost:1"], USAGE),
    (["-p", "1", "--listen", "127.0.0.1"], USAGE),
    (["-p", "1", "-i", "0"], USAGE),
    (["-p", "1", "--comm", "x"], USAGE),
    ([], USAGE),
], ids=lambda value: " ".join(value) if isinstance(value, list) else str(value))
def test_errors(args, status):
    listen = [] if "--listen" in args else ["--listen", "127.0.0.1:0"]
    done = subprocess.run([str(UNFREED), "monitor", *listen, *args], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("unfreed"), done.stderr


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = subprocess.run([str(UNFREED), "monitor", "--comm", "x", "--listen", address],
                              capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == FAILURE
    assert done.stderr == (f"unfreed: cannot listen on {address}: Address already in use; --listen "
                           "takes another port\n")


def test_own_cost_of_twenty_idle_processes(name):
    """Every round of all that is done, and a page with each: at most what half a percent of a processor
    is in ten seconds, and 60 MB."""
    with Master(20, name) as master, Monitor("-p", master.pid) as monitor:
        first = monitor.until(lambda seen: len(pids_of(seen)) == 21, "not taken up")
        last = monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") >=
                             first.one("unfreed_self_rounds_total") + 20, "no rounds")
        used, rounds = (last.one(key) - first.one(key)
                        for key in ("unfreed_self_cpu_seconds_total", "unfreed_self_rounds_total"))
        assert used / rounds < 0.005 * 10
        assert last.one("unfreed_self_resident_bytes") < 60e6
        assert 0 < last.one("unfreed_overhead_ratio")


FILLS = """
import time
print("ready", flush=True)
began, kept = time.monotonic(), []
while True:
    while len(kept) < 20 * (time.monotonic() - began):
        kept.append(b"x" * 100_000)
    time.sleep(0.05)
"""


def test_when_a_limit_is_reached():
    """2 MB a second."""
    with memory_group(200) as group:
        process = subprocess.Popen([sys.executable, "-c", FILLS], stdout=subprocess.PIPE, text=True,
                                   preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Monitor("-p", process.pid) as monitor:
                metrics = monitor.until(
                    lambda metrics: metrics.all("unfreed_cgroup_memory_limit_reached_in_seconds"),
                    "it is not foreseen")
        finally:
            process.kill()
            process.wait(TIMEOUT)
    early, likely, late = (metrics.one("unfreed_cgroup_memory_limit_reached_in_seconds",
                                       quantile=quantile) for quantile in ("0.1", "0.5", "0.9"))
    used = (metrics.one("unfreed_cgroup_memory_bytes") -
            metrics.one("unfreed_cgroup_memory_inactive_file_bytes"))
    room_s = (metrics.one("unfreed_cgroup_memory_limit_bytes") - used) / 2e6
    assert early <= likely <= late
    assert 0.8 * early <= room_s <= 1.2 * late and 0.75 * room_s < likely < 1.33 * room_s
