# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a process whose objects do not fit into the memory that it may use: what leaks
is named all the same, and neither the target nor its host suffers."""
import json
import os
import subprocess
import threading

import pytest

from cgroups import memory_group
from conftest import UNFREED
from pythons import choose, find_pythons

RATE = 30  # entries a second, as the target is told
EXPECTED = {"__main__.HISTORY": "dict", "__main__.SHELVES[1].rows": "list",
            "__main__.Shelf.contents": "dict"}
OWN_BYTES = 16e6  # of the program itself beside --max-memory: code, libraries, the confined process


class Leak:
    """A target of so many MB that goes on leaking."""

    def __init__(self, python, megabytes):
        self.process = python.start("python_large.py", megabytes)
        self.process.lines.until("^ready$", timeout=180)
        self.add(5000)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def add(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return int(self.process.lines.next("an answer"))

    def _feed(self):
        while not self._stop.wait(1 / 5):
            self.add(RATE // 5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.process.kill()
        self.process.wait()


def look(target, path, *options, group=None):
    """The report, and the CPU seconds that the tool took."""
    command = [UNFREED, "heap", "-p", str(target.process.pid), "-q", "-o", path, *options]
    process = subprocess.Popen(command, preexec_fn=group and group.enter)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return json.loads(path.read_text()), usage.ru_utime + usage.ru_stime


def check_names(report):
    assert "piece by piece" in report["python"]["note"]
    grown = {row["name"]: row for row in report["growth"]["containers"]}
    for name, kind in EXPECTED.items():
        assert grown[name]["type"] == kind
        assert 0 < grown[name]["grown"] < 10 * RATE * report["growth"]["seconds"]
    local = [name for name in grown if name and name.startswith("local seen of keep")]
    assert local, grown.keys()
    # nothing else grows: what the target was filled with stays as it is
    assert len(grown) == len(EXPECTED) + 1, grown.keys()


def check_bytes(report):
    """HISTORY: a list of two with a str and a float for each key, a str."""
    row = [row for row in report["containers"] if row["name"] == "__main__.HISTORY"][0]
    assert 100 * row["length"] < row["bytes"] < 400 * row["length"]
    fill = [row for row in report["containers"] if row["name"] == "__main__.FILL"]
    live = [part for part in report["memory"]["parts"] if part["name"] == "python_live"][0]
    assert not fill or fill[0]["bytes"] == pytest.approx(live["bytes"], rel=0.3)


# from here on: where values of instances are differs in each of these
@pytest.mark.parametrize("python", choose(find_pythons(), 8, 10, 11, 12, 13, 14))
def test_names_without_room(python, tmp_path):
    with Leak(python, 100) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", "16")
        check_names(report)


def test_a_third_of_a_gigabyte(tmp_path):
    python = choose(find_pythons(), 11)[0].values[0]
    with Leak(python, 300) as target, memory_group(80) as group:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.5", "--looks", "3",
                         "--max-memory", "32", group=group)
        check_names(report)
        check_bytes(report)
        assert group.peak is None or group.peak < 32e6 + OWN_BYTES
        assert target.process.poll() is None


@pytest.mark.long
def test_three_gigabytes(tmp_path):
    python = choose(find_pythons(), 11)[0].values[0]
    with Leak(python, 3000) as target, memory_group(256) as group:
        report, seconds = look(target, tmp_path / "look.json", "-i", "1", "--looks", "4",
                               group=group)
        check_names(report)
        check_bytes(report)
        print(f"cgroup at most {(group.peak or 0) / 1e6:.0f} MB, {seconds:.1f} s of CPU")
        assert group.peak is None or group.peak < 128e6
        assert target.process.poll() is None
