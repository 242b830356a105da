# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed why` says what a process has by its open files alone: it is resident nowhere."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT, TIMEOUT, UNFREED, Lines

EACH = 128 << 10
LARGE = 8 << 20  # does not grow
WAITING = 40 * 64 << 10


class Holder:
    def __init__(self, kind):
        self.process = subprocess.Popen(["/usr/bin/python3", str(ROOT / "tests/programs/open_memory.py"), kind],
                                        stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)

    def __enter__(self):
        self.lines.until("^ready$")
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)


def ask(pid, directory, seconds):
    run = subprocess.run([UNFREED, "why", "-p", str(pid), "-d", str(seconds), "-o", "why.json", "-o", "-"],
                         cwd=directory, capture_output=True, text=True, timeout=TIMEOUT + seconds, check=True)
    print(run.stdout)
    return json.loads((directory / "why.json").read_text()), run.stdout


def of_files(answer):
    return [finding for finding in answer["findings"] if finding["subject"] == "memory of files without a name"]


@pytest.mark.parametrize("kind", ["memfd", pytest.param("deleted", marks=pytest.mark.long)])
def test_files_without_a_name(kind, tmp_path):
    with Holder(kind) as pid:
        answer, text = ask(pid, tmp_path, 20)
    [finding] = of_files(answer)
    held = answer["open_files"]
    assert held["complete"] and held["file_bytes"] == LARGE + (held["files"] - 1) * EACH
    assert finding["verdict"] == "grows, no bound seen" and finding["holds_bytes"] == held["file_bytes"]
    # at most so many a second
    assert 0 < finding["low"] <= finding["bytes_per_hour"] <= 1.05 * 20 * EACH * 3600
    head = " ".join(text.split("\n\n")[0].split())
    assert re.search(r"; memory of files without a name grows [\d.,]+ MB/h(: watch \d+ min)?$", head), head
    assert finding["bytes_per_hour"] > 10 * (answer["explained_bytes_per_hour"] or 0), "it explains nothing"


def count_memfds(pid):
    return len([path for path in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(path).startswith("/memfd:")])


def test_told_as_of_the_end(tmp_path):
    """Also where sockets make it dear to look at all that is open."""
    with Holder("served") as pid:
        first = count_memfds(pid)
        answer, _ = ask(pid, tmp_path, 8)
        last = count_memfds(pid)
    assert (first + last) / 2 < answer["open_files"]["files"] <= last


def test_what_does_not_grow(tmp_path):
    """It is told, as it is memory, and not that it grows."""
    with Holder("waiting") as pid:
        answer, text = ask(pid, tmp_path, 8)
    assert not [finding for finding in answer["findings"] if not finding["container"]]
    held = answer["open_files"]
    assert (held["files"], held["file_bytes"]) == (1, LARGE)
    # what is not acknowledged yet is at both ends
    assert held["unread_bytes"] == WAITING and held["unsent_bytes"] < WAITING and held["sockets"] >= 40
    assert re.search(r"^beside +8\.4 MB in 1 open file without a name, not mapped, [\d.]+ MB waiting in\s+\d+ sockets$",
                     text, re.M)
