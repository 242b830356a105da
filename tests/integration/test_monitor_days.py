# SPDX-License-Identifier: BSD-2-Clause
"""A week, faster than it is: one monitor over processes in which memory behaves in each of fourteen ways, ten
times as fast, with a day of a minute; read twenty times as often as by default. What it says in the end is
held against what is so, and against what Cork's ranking says of the same processes."""
import collections
import json
import random
import re
import subprocess
import threading
import time

import pytest

from conftest import UNFREED
from guarded import Guarded
from test_why_days import GROWS, OF_C, OF_PYTHON, RIGHT, RIGHT_OF_KIND, is_right_by_slope, resident_bytes, start

from cork import best_threshold, ranks  # beside the services, which test_why_days has found

KINDS = [("Python", kind) for kind in OF_PYTHON] + [("C", kind) for kind in OF_C]
SECONDS = 780
WATCH_SECONDS = 60  # a day
LOOK_SECONDS = 20  # between two that Cork is told of
BATCHES = 10
LEAKING_TYPES = {"Entry", "__main__.Entry", "str", "int"}


class Process:
    def __init__(self, language, kind, seed):
        self.language, self.kind, self.seed = language, kind, seed
        self.target = start(language, kind, seed)
        self.pid = self.target.pid
        self.resident = resident_bytes(self.pid)
        self.looks = []

    def look(self):
        done = subprocess.run([UNFREED, "heap", "-p", str(self.pid), "-f", "json", "-o", "-"],
                              capture_output=True, text=True)
        if done.returncode == 0:
            self.looks.append({one["name"]: one["bytes"] for one in json.loads(done.stdout)["types"]})

    def is_named(self, name):
        return name == "C memory" if self.language == "C" else "KEEPER.held" in name

    def is_right(self, found):
        """What leaks is first and alone, what does not is not said to grow without a bound."""
        growing = [one for one in found if one["verdict"] in GROWS]
        if not self.kind.startswith("leak"):
            return not growing
        return len(growing) == 1 and self.is_named(growing[0]["name"])


def look_for_cork(processes, ended):
    while not ended.wait(LOOK_SECONDS):
        for process in processes:
            if process.language == "Python":
                process.look()


def findings(monitor):
    return {service["processes"][0]["pid"]: service["findings"]
            for service in monitor.get("/api/services")["services"] if service["processes"]}


def watch(processes, directory, seconds, each, enough):
    """What the monitor has found of each by then, or once it is enough; by process, and all lines that it said."""
    pids = ",".join(str(process.pid) for process in processes)
    with Guarded(directory, "-p", pids, "-i", 0.5, "-d", each, "--budget", 40,
                 "--history", directory / "history") as monitor:
        until, found = time.monotonic() + seconds, {}
        while time.monotonic() < until and not enough(found):
            time.sleep(1)
            found = findings(monitor)
        assert monitor.end() == 0
        return found, monitor.stderr.rest()


def run_batch(kinds, seed, directory, seconds=SECONDS, each=WATCH_SECONDS, for_cork=False,
              enough=lambda processes, found: False):
    """Of each process: whether the monitor is right of it, and whether a slope is."""
    draw, ended = random.Random(seed), threading.Event()
    processes = [Process(*kind, draw.randrange(1_000_000)) for kind in kinds]
    looking = threading.Thread(target=look_for_cork, args=(processes, ended))
    try:
        if for_cork:
            looking.start()
        found, said = watch(processes, directory, seconds, each, lambda found: found and enough(processes, found))
    finally:
        ended.set()
        if for_cork:
            looking.join()
        grown = {process.pid: (resident_bytes(process.pid) - process.resident) * 120 / seconds
                 for process in processes}
        for process in processes:
            process.target.kill()
    for process in processes:
        accused = len(re.findall(rf"\[{process.pid}\]: \S.*(?:{'|'.join(GROWS)}), ", said))
        print(process.language, process.kind, process.seed, process.is_right(found[process.pid]), accused,
              [(one["verdict"], one["name"]) for one in found[process.pid]])
    return [(process, process.is_right(found[process.pid]), is_right_by_slope(process.kind, grown[process.pid]))
            for process in processes]


def judged_by_cork(results):
    """Of those that have types."""
    return [(ranks(process.looks), LEAKING_TYPES if process.kind.startswith("leak") else set())
            for process, _, _ in results if process.language == "Python"]


def are_all_right(processes, found):
    return all(process.is_right(found.get(process.pid, [])) for process in processes)


@pytest.mark.parametrize("kinds", [
    pytest.param([("Python", "leak150"), ("C", "day_night")], id="two"),
    pytest.param([("Python", "leak150"), ("C", "leak150"), ("Python", "sawtooth"), ("C", "day_night")], id="four",
                 marks=[pytest.mark.long, pytest.mark.alone])])
def test_an_hour(kinds, tmp_path):
    """Who leaks is named while nobody else is accused; in as much time as it takes, which is bounded."""
    results = run_batch(kinds, random.randrange(1_000_000), tmp_path, seconds=240, each=12, enough=are_all_right)
    assert all(is_right for _, is_right, _ in results)


@pytest.mark.long
@pytest.mark.alone
def test_a_week_of_a_hundred_processes(tmp_path):
    first, results = random.randrange(1_000_000), []
    for number in range(BATCHES):
        directory = tmp_path / str(number)
        directory.mkdir()
        results += run_batch(KINDS, first + number, directory, for_cork=True)
    right = collections.Counter((process.language, process.kind) for process, is_right, _ in results if is_right)
    by_slope = sum(slope for _, _, slope in results)
    of_python = sum(is_right for process, is_right, _ in results if process.language == "Python")
    by_cork, threshold = best_threshold(judged_by_cork(results))
    print(f"right: {sum(right.values())} of {len(results)}, {dict(right)}; by a slope: {by_slope}; of Python "
          f"{of_python}, by Cork's ranking {by_cork}, with the best threshold for it, {threshold:.2f}")
    assert sum(right.values()) >= RIGHT * len(results) and sum(right.values()) > by_slope
    assert min(right[kind] for kind in KINDS) >= RIGHT_OF_KIND * BATCHES
    assert of_python >= by_cork  # which names types, not what holds them, and knows its threshold afterwards
