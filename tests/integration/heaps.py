# SPDX-License-Identifier: BSD-2-Clause
"""A target that leaks (tests/programs/python_large.py, or one that is told the same way), and looks
at it."""
import json
import os
import subprocess
import threading

from conftest import UNFREED

RATE = 30  # entries a second, as the target is told
EXPECTED = {"__main__.HISTORY": "dict", "__main__.SHELVES[1].rows": "list",
            "__main__.Shelf.contents": "dict"}


class Leak:
    """A target of so many MB that goes on leaking."""

    def __init__(self, python, megabytes, script="python_large.py", rate=RATE, **options):
        self.process = python.start(script, megabytes, **options)
        self.process.lines.until("^ready$")
        self.count = 0
        self.rate = rate
        self.add(5000)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def add(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self.count = int(self.process.lines.next("an answer"))

    def _feed(self):
        while not self._stop.wait(1 / 5):
            self.add(self.rate // 5)

    def pause(self):
        """Nothing is added from here on."""
        self._stop.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pause()
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
    grown = {row["name"]: row for row in report["growth"]["containers"]}
    for name, kind in EXPECTED.items():
        assert grown[name]["type"] == kind
        assert 0 < grown[name]["grown"] < 10 * RATE * report["growth"]["seconds"]
    local = [name for name in grown if name and name.startswith("local seen of keep")]
    assert local, grown.keys()
    # nothing else grows: what the target was filled with stays as it is
    assert len(grown) == len(EXPECTED) + 1, grown.keys()
