# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed monitor` asks by itself why a service grows, and says what it is told: once."""
import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from cgroups import memory_group
from conftest import TIMEOUT, UNFREED, Lines, eventually, has_ended
from monitors import Master, Monitor, service  # noqa: F401
from servers import children


def test_a_service_that_leaks(service):  # noqa: F811
    options = ["-p", service.pid, "-d", 8, "--budget", 100]
    with Monitor(*options) as monitor:
        line = monitor.stderr.until(rf"\[{service.pid}\]: \S+ __main__\.history")
        assert re.search(r": grows, no bound seen, [\d.]+ MB/h, holds \d.* filled by remember "
                         r"\(programs/demo_service\.py:\d+\)", line), line
        metrics = monitor.metrics()
        [(labels, _)] = [(of, value) for of, value in metrics.all("unfreed_finding")
                         if "history" in of["name"]]
        assert labels["verdict"] == "grows, no bound seen"
        assert "remember (" in labels["filled_by"]
        assert metrics.one("unfreed_finding_growth_bytes_per_second", name=labels["name"]) > 0
        assert metrics.one("unfreed_finding_held_bytes", name=labels["name"]) > 0
        pid = {"pid": str(service.pid)}
        parts = [value for _, value in metrics.all("unfreed_target_memory_bytes", **pid)]
        assert sum(parts) > metrics.one("unfreed_target_live_bytes", **pid) > 1e6
        assert metrics.one("unfreed_python_gc_enabled", **pid) == 1
        assert metrics.one("unfreed_python_gc_collections_total", generation="0", **pid) > 0
        assert metrics.one("unfreed_service_growth_bytes_per_second", by="hour") > 0
        assert metrics.one("unfreed_inquiries_total") == 1
        assert metrics.one("unfreed_inquiries_failed_total") == 0
        assert monitor.end() == 0
        assert service.poll() is None, "and it never noticed"


def test_a_slow_one_is_asked_though_many_are_faster(tmp_path):
    """These are due again before all have been asked for the first time."""
    script = ("import sys, time\nhistory = []\nprint('ready', flush=True)\n"
              "while True:\n    history.append(bytearray(int(sys.argv[1]))), time.sleep(0.02)")
    processes = [subprocess.Popen([sys.executable, "-c", script, str(size)], stdout=subprocess.PIPE, text=True)
                 for size in [100_000] * 7 + [3000]]
    try:
        for process in processes:
            Lines(process.stdout).until("^ready$")
        pids = ",".join(str(process.pid) for process in processes)
        history = tmp_path / "history"
        with Monitor("-p", pids, "-d", 2, "--budget", 100, "--history", history) as monitor:
            monitor.until(lambda seen: seen.one("unfreed_inquiries_total") > len(processes), "too few are asked")
            assert monitor.end() == 0
        with contextlib.closing(sqlite3.connect(history)) as base:
            asked = base.execute("SELECT service FROM answer ORDER BY id LIMIT ?", [len(processes)]).fetchall()
        assert len(set(asked)) == len(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait(TIMEOUT)


def test_what_has_no_name_is_told_by_its_figures():
    """Memory of C that no container holds: of what size its blocks are, not that it holds nothing."""
    script = ("import ctypes, time\nlibc = ctypes.CDLL(None)\nprint('ready', flush=True)\n"
              "while True:\n    libc.malloc(5000), time.sleep(0.005)")
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        Lines(process.stdout).until("^ready$")
        with Monitor("-p", process.pid, "-d", 8, "--budget", 100) as monitor:
            line = monitor.stderr.until(r"\]: C memory: ")
            assert "holds 0 B" not in line
            assert re.search(r"C memory: grows, no bound seen, [\d.]+ MB/h(, filled by |; .* blocks of 5\.0 kB )", line)
            assert monitor.end() == 0
    finally:
        process.kill()
        process.wait(TIMEOUT)


def test_workers_that_are_replaced_give_one_finding():
    """None of them lives for long enough that the service would grow; each does."""
    with Master(2, "replaced", "leak") as master, \
            Monitor("-p", master.pid, "-d", 10, "--budget", 100) as monitor:
        began = time.monotonic()
        while not monitor.metrics().all("unfreed_finding", name="__main__.FORGOTTEN"):
            assert time.monotonic() < began + TIMEOUT, monitor.metrics().text
            master.replace()
            alive_until = monitor.metrics().one("unfreed_self_rounds_total") + 50
            monitor.until(lambda seen, until=alive_until: seen.one("unfreed_self_rounds_total") >= until,
                          "no rounds")
        monitor.stderr.until(r"__main__\.FORGOTTEN: ")
        assert monitor.end() == 0
        assert monitor.stderr.rest().count("FORGOTTEN") == 1


def read_alerts(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def hook(tmp_path):
    """A program that writes what it gets, and where."""
    program, alerts = tmp_path / "hook", tmp_path / "alerts"
    program.write_text(f"#!/bin/sh\n{{ cat; echo; }} >>{alerts}\n")
    program.chmod(0o700)
    return program, alerts


def test_a_hook_is_told_of_findings(service, hook):  # noqa: F811
    program, alerts = hook
    with Monitor("-p", service.pid, "-d", 8, "--budget", 100, "--exec", program) as monitor:
        eventually(lambda: any("history" in alert["name"] for alert in read_alerts(alerts)),
                   "it is not told")
        [alert] = [alert for alert in read_alerts(alerts) if "history" in alert["name"]]
        assert alert["schema"] == "unfreed/alert/1"
        assert (alert["kind"], alert["change"]) == ("finding", "new")
        assert alert["service"] == f"python3[{service.pid}]" and alert["pids"] == [service.pid]
        assert alert["verdict"] == "grows, no bound seen" and alert["bytes_per_hour"] > 0
        assert monitor.end() == 0


def test_a_hook_is_told_of_limits(hook):
    """Once, however long it stays so, and once when it is over."""
    program, alerts = hook
    script = """
import sys
print("ready", flush=True)
sys.stdin.readline()
data = b"x" * (54 << 20)
sys.stdin.readline()
del data
sys.stdin.readline()
"""
    with memory_group(64) as group:
        process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Monitor("-p", process.pid, "--exec", program) as monitor:
                for told, change, kind in [(r"/unfreed-test-\S+: \d\d % of its memory limit is used$",
                                            "new", "limit"),
                                           (r"no more near its memory limit: [\d.]+ % are used$",
                                            "over", "limit")]:
                    process.stdin.write("\n")
                    process.stdin.flush()
                    monitor.stderr.until(told)
                    eventually(lambda: read_alerts(alerts)[-1:] and
                               read_alerts(alerts)[-1]["change"] == change, "it is not told")
                    alert = read_alerts(alerts)[-1]
                    assert alert["kind"] == kind and alert["limit_bytes"] == 64 << 20
                    assert group.path.name in alert["cgroup"] and alert["pids"] == [process.pid]
                    monitor.until_round()
                assert len(read_alerts(alerts)) == 2
        finally:
            process.kill()
            process.wait(TIMEOUT)


def test_a_hook_that_others_can_change_is_refused(hook):
    program, _ = hook
    program.chmod(0o777)
    done = subprocess.run([str(UNFREED), "monitor", "--comm", "x", "--listen", "127.0.0.1:0", "--exec",
                           str(program)], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 1 and "can change" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_asks_ends_with_it(service, number):  # noqa: F811
    with Monitor("-p", service.pid, "-d", 600, "--budget", 100) as monitor:
        monitor.until(lambda seen: seen.one("unfreed_inquiries_total") == 1, "nobody is asked")
        [child] = children(monitor.pid)
        eventually(lambda: children(child), "it reads files in processes of its own")
        family = [child, *children(child)]
        assert monitor.end(number) == (0 if number == signal.SIGTERM else -number)
        eventually(lambda: all(map(has_ended, family)), "they go on")
        assert service.poll() is None


def test_it_is_never_asked_without_a_budget(service):  # noqa: F811
    with Monitor("-p", service.pid, "--budget", 0) as monitor:
        monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") > 100, "no rounds")
        assert monitor.metrics().one("unfreed_inquiries_total") == 0
