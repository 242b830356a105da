# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor` takes for many services at once, by the kernel's account: itself, and its children."""
import contextlib
import os
import pathlib
import subprocess
import sys
import time

import pytest

from conftest import ROOT, TIMEOUT, Lines
from monitors import Monitor
from servers import children

SERVICES = 20
TICKS = os.sysconf("SC_CLK_TCK")

IDLE = """
import time
KEPT = [str(number) for number in range(50000)]
print("ready", flush=True)
while True:
    time.sleep(1)
"""


@contextlib.contextmanager
def started(*arguments):
    processes = [subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
                 for _ in range(SERVICES)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(TIMEOUT)


def cpu_s(pid):
    """Of a process, and of its children that it has waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def resident(pid):
    """With what children it has at the moment."""
    total = 0
    for one in [pid, *children(pid)]:
        with contextlib.suppress(FileNotFoundError, IndexError):
            total += int(pathlib.Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def measure(monitor, seconds):
    """Processor time as a share of one, and the most memory, over so long."""
    began, used, most = time.monotonic(), cpu_s(monitor.pid), 0
    while time.monotonic() < began + seconds:
        most = max(most, resident(monitor.pid))
        time.sleep(0.1)
    return (cpu_s(monitor.pid) - used) / (time.monotonic() - began), most


@pytest.mark.long
def test_twenty_idle_services(capsys):
    """As it is used, from its first second on: with looks at all of them."""
    with started("-c", IDLE) as processes:
        for process in processes:
            Lines(process.stdout).until("^ready$")
        with Monitor("-p", ",".join(str(process.pid) for process in processes), "-i", 10) as monitor:
            share, most = measure(monitor, 600)
            looks = monitor.metrics().one("unfreed_looks_total")
            assert monitor.end() == 0
    with capsys.disabled():
        print(f"\n20 idle services: {100 * share:.2f} % of a core, {most / 1e6:.0f} MB, {looks:.0f} looks")
    assert share <= 0.005 and most <= 60e6 and looks >= 3


@pytest.mark.long
def test_twenty_growing_services(capsys):
    """What is asked, looked at and read, over time, and read ten times as often as by default. It may begin with
    two seconds of it."""
    with started(str(ROOT / "tests/programs/demo_service.py")) as processes:
        pids = ",".join(str(process.pid) for process in processes)
        with Monitor("-p", pids, "-i", 1, "-d", 20) as monitor:
            share, most = measure(monitor, 900)
            metrics = monitor.metrics()
            found = {labels["service"] for labels, _ in metrics.all("unfreed_finding")
                     if labels["name"].startswith("__main__.history")}
            assert monitor.end() == 0
    with capsys.disabled():
        print(f"\n20 growing services: {100 * share:.2f} % of a core, {most / 1e6:.0f} MB, "
              f"{metrics.one('unfreed_inquiries_total'):.0f} inquiries, {metrics.one('unfreed_looks_total'):.0f} "
              f"looks, {len(found)} found")
    assert share <= metrics.one("unfreed_budget_ratio") + 2 / 900
    assert metrics.one("unfreed_inquiries_total") >= 2 and len(found) >= 2
