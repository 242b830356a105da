# SPDX-License-Identifier: BSD-2-Clause
"""Ten processes of each of fourteen ways in which memory behaves over days, faster than there and twenty
at a time: what leaks is named, and what does not is not accused."""
import collections
import json
import mmap
import random
import subprocess
import threading
import time

import pytest

from conftest import UNFREED, Target
from test_why_services import PYTHON, SERVICES

GROWS = ("leak", "grows, no bound seen")
SECONDS = 120
AT_ONCE = 20
EACH = 10
OF_PYTHON = ["leak1", "leak15", "leak150", "leak_by_day", "fills", "ttl", "sawtooth", "warm_up",
             "day_night"]  # fmt: skip
OF_C = ["leak1", "leak15", "leak150", "fragments", "day_night"]
RIGHT, RIGHT_OF_KIND = 0.95, 0.90


def start(language, kind, seed):
    if language == "C":
        return Target("simulated", kind, seed)
    return Target(SERVICES / "simulated.py", kind, seed, wrap=[PYTHON, "-B"])


def is_named(language, finding):
    container = (finding["container"] or {}).get("name")
    return finding["subject"] == "C memory" if language == "C" else "KEEPER.held" in (container or "")


def is_right(language, kind, report):
    """What leaks is first and alone, what does not is not said to grow without a bound."""
    growing = [finding for finding in report["findings"] if finding["verdict"] in GROWS]
    if not kind.startswith("leak"):
        return not growing
    return len(growing) == 1 and report["findings"][:1] == growing and is_named(language, growing[0])


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def is_right_by_slope(kind, grown_bytes):
    """As who looks at the resident memory alone: a megabyte an hour, ten times as fast here, is much."""
    return (grown_bytes / SECONDS * 3600 >= 10e6) == kind.startswith("leak")


def judge(run, directory, results):
    language, kind, seed = run
    path = directory / f"{language}.{kind}.{seed}.json"
    with start(language, kind, seed) as target:
        time.sleep(random.Random(seed).random() * 5)  # they are not all of one age
        before = resident_bytes(target.pid)
        asked = subprocess.run([UNFREED, "why", "-p", str(target.pid), "-d", str(SECONDS), "-o", path],
                               capture_output=True, text=True)
        grown_bytes = resident_bytes(target.pid) - before
        target.finish()
    report = json.loads(path.read_text()) if asked.returncode == 0 else None
    results[run] = asked.stderr if report is None else (
        is_right(language, kind, report), is_right_by_slope(kind, grown_bytes), asked.stdout)


def run_all(runs, directory):
    results = {}
    for i in range(0, len(runs), AT_ONCE):
        threads = [threading.Thread(target=judge, args=(run, directory, results))
                   for run in runs[i:i + AT_ONCE]]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


@pytest.mark.long
@pytest.mark.alone
def test_a_hundred_and_forty_processes(tmp_path):
    kinds = [("Python", kind) for kind in OF_PYTHON] + [("C", kind) for kind in OF_C]
    first = random.randrange(1_000_000)
    runs = [(*kind, first + i) for i in range(EACH) for kind in kinds]
    results = run_all(runs, tmp_path)
    failed = {run: result for run, result in results.items() if isinstance(result, str)}
    assert not failed and len(results) == len(runs)
    right = collections.Counter(run[:2] for run, result in results.items() if result[0])
    by_slope = sum(result[1] for result in results.values())
    for run, result in sorted(results.items()):
        if not result[0]:
            print(*run, result[2], sep="\n")
    print(f"right: {sum(right.values())} of {len(runs)}, {dict(right)}; by a slope: {by_slope}")
    assert sum(right.values()) >= RIGHT * len(runs) and sum(right.values()) > by_slope
    assert min(right[kind] for kind in kinds) >= RIGHT_OF_KIND * EACH
