# SPDX-License-Identifier: BSD-2-Clause
"""Looks that harm nobody: no page of a target becomes resident, private or un-swapped by them, no
handler is woken, no system call interrupted, and a tool that is killed leaves nothing behind."""
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from conftest import TIMEOUT, UNFREED, eventually, has_ended
from pythons import choose, find_rootless

# a page of a library is private or shared by what other processes run
pytestmark = pytest.mark.alone
PYTHONS = choose(find_rootless(), 11, 13)
ROOMS = ["512", "16"]  # copied with a graph; streamed
MEGABYTES = 40
FEW_PAGES = 16
SYS_PAUSE = "34 "
ZRAM = pathlib.Path("/sys/block/zram0")


class Target:
    def __init__(self, python, kind):
        self.process = python.start("python_harm.py", kind, MEGABYTES)
        self.pid = self.process.pid
        self.process.lines.until("^ready$")

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.lines.next("what it counted"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=PYTHONS, name="python")
def any_python(request):
    return request.param


def footprint(pid):
    """What the kernel has of a process: bytes by kind, faults. A page of a file that is clean is
    shared once another process reads it, such as these tests' own Python."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", rollup, re.M)
             if name in ("Rss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty",
                         "Swap", "Anonymous")}
    found["Clean"] = found.pop("Shared_Clean") + found.pop("Private_Clean")
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    found["minor_faults"], found["major_faults"] = int(fields[7]), int(fields[9])
    return found


def settled(target):
    """Its footprint once it waits again, with what it needs for that."""
    found = None
    while found != (found := (target.ask(), footprint(target.pid))[1]):
        pass
    return found


def look(pid, path, room, *options):
    subprocess.run([UNFREED, "heap", "-q", "-p", str(pid), "-o", path, "--max-memory", room,
                    *options], check=True, timeout=TIMEOUT)
    return json.loads(path.read_text())


def live_bytes(report):
    return [part["bytes"] for part in report["memory"]["parts"]
            if part["name"] == "python_live"][0]


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", ["quiet", "closed"])
def test_nothing_changes(python, kind, room, tmp_path):
    with Target(python, kind) as target:
        report = look(target.pid, tmp_path / "look.json", room)
        before = footprint(target.pid)
        report = look(target.pid, tmp_path / "look.json", room, "-i", "0.05", "--looks", "3")
        assert footprint(target.pid) == before
        assert live_bytes(report) > MEGABYTES * 900e3
        assert target.ask()["interrupted"] == 0


@pytest.mark.parametrize("room", ROOMS)
def test_userfault_handler_sleeps(python, room, tmp_path):
    with Target(python, "userfault") as target:
        assert target.ask()["faults"] == 1
        before = footprint(target.pid)
        report = look(target.pid, tmp_path / "look.json", room)
        assert footprint(target.pid) == before
        assert target.ask()["faults"] == 1
        assert live_bytes(report) > MEGABYTES * 900e3


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_parent_preloaded_stays_shared(python, room, tmp_path):
    """process_vm_readv would make all of it private, with all counts of faults unchanged."""
    with Target(python, "prefork") as target:
        child = target.ask()["child"]
        waiting = pathlib.Path(f"/proc/{child}/syscall")
        eventually(lambda: waiting.read_text().startswith(SYS_PAUSE), "its child never waited")
        parent, before = settled(target), footprint(child)
        assert before["Shared_Dirty"] > MEGABYTES * 800
        free = free_bytes()
        report = look(child, tmp_path / "look.json", room, "-i", "0.05", "--looks", "3")
        assert footprint(child) == before
        changed = footprint(target.pid)
        assert {**changed, "minor_faults": 0} == {**parent, "minor_faults": 0}
        # a machine with others on it is never still; half of what is shared would show
        assert abs(free_bytes() - free) < 1 << 30
        assert live_bytes(report) > MEGABYTES * 900e3


def free_bytes():
    return int(re.search(r"MemFree: +(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024


@pytest.fixture(name="swap")
def small_swap():
    """A swap device in compressed memory, unless there is swap already."""
    if len(pathlib.Path("/proc/swaps").read_text().splitlines()) > 1:
        yield
        return
    device = pathlib.Path("/dev/zram0")
    for tool in "mkswap", "swapon", "swapoff":
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here")
    if not device.exists() or (ZRAM / "disksize").read_text().strip() != "0":
        pytest.skip("no unused zram device here, and no swap")
    try:
        (ZRAM / "disksize").write_text("256M")
    except OSError as error:
        pytest.skip(f"zram cannot be set up here: {error}")
    try:
        subprocess.run(["mkswap", device], check=True, capture_output=True)
        if subprocess.run(["swapon", device], capture_output=True, check=False).returncode:
            pytest.skip("no swap may be added here")
        yield
        subprocess.run(["swapoff", device], check=True)
    finally:
        (ZRAM / "reset").write_text("1")


@pytest.mark.parametrize("room", ROOMS)
def test_swapped_pages_are_counted_not_read(python, room, tmp_path, swap):
    with Target(python, "swapped") as target:
        before = settled(target)
        if before["Swap"] < MEGABYTES * 500:
            pytest.skip("nothing was swapped out")
        report = look(target.pid, tmp_path / "look.json", room)
        # what says that it is an interpreter, and where, is read in any case: some pages
        assert 0 <= before["Swap"] - footprint(target.pid)["Swap"] <= FEW_PAGES * 4
        swapped = report["memory"]["swapped_bytes"]
        assert 0 <= before["Swap"] * 1024 - swapped <= FEW_PAGES * 4096
        assert report["uncertain"]["swapped_bytes"] > MEGABYTES * 500e3
        assert live_bytes(report) < MEGABYTES * 500e3


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_killed_tool_leaves_nothing(tmp_path):
    python = PYTHONS[-1].values[0]
    chance = random.Random(1)
    with Target(python, "quiet") as target:
        look(target.pid, tmp_path / "look.json", "16")
        before = footprint(target.pid)
        for attempt in range(5):
            command = [UNFREED, "heap", "-q", "-p", str(target.pid), "-i", "0.01", "--looks",
                       "1000", "--max-memory", ROOMS[attempt % 2]]
            tool = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.02, 0.3))  # the moment is what is tried, not waited for
            helpers = children(tool.pid)
            tool.send_signal(signal.SIGKILL)
            tool.wait()
            eventually(lambda: all(map(has_ended, helpers)), "they go on")
            status = pathlib.Path(f"/proc/{target.pid}/status").read_text()
            assert re.search(r"^TracerPid:\t0$", status, re.M)
        assert footprint(target.pid) == before
        assert target.ask()["interrupted"] == 0
