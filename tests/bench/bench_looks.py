# SPDX-License-Identifier: BSD-2-Clause
"""What looks into memory cost: of our own processor time, beside a plain read of the same bytes."""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lanes import BENCH, UNFREED, wait_for_line

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
OBJECTS = 1_300_000
HEAP_MB = 1024
PAUSE = "0.05"  # between looks
PIECE = 1 << 20
PAGE = 4096
PRESENT = 1 << 63


class Held:
    """A process that holds memory, until it is stopped."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        wait_for_line(self.process.stdout, "ready", self.process)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def data_ranges(pid):
    """Of what a program may write and has no file: where heaps are."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split()
        if words[1].startswith("rw") and words[4] == "0" and words[-1] != "[stack]":
            start, end = (int(word, 16) for word in words[0].split("-"))
            yield start, end


def runs_of_present(pagemap, start, end):
    entries = os.pread(pagemap, (end - start) // PAGE * 8, start // PAGE * 8)
    states = memoryview(entries).cast("Q")
    run = None
    for page, state in enumerate(states):
        if state & PRESENT:
            run = page if run is None else run
        elif run is not None:
            yield start + run * PAGE, start + page * PAGE
            run = None
    if run is not None:
        yield start + run * PAGE, start + len(states) * PAGE


def read_plainly(pid):
    """Seconds of processor time to copy all that is present, and how many bytes that is."""
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
    runs = [run for span in data_ranges(pid) for run in runs_of_present(pagemap, *span)]
    buffer, done = memoryview(bytearray(PIECE)), 0
    started = time.process_time()
    for start, end in runs:
        for at in range(start, end, PIECE):
            done += os.preadv(memory, [buffer[: min(PIECE, end - at)]], at)
    seconds = time.process_time() - started
    os.close(memory)
    os.close(pagemap)
    return seconds, done


def look(pid, *options):
    """Seconds of processor time of a whole `unfreed heap`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(UNFREED), "heap", "-q", "-p", str(pid), "-o", str(BENCH / "look.json"),
                    *options], check=True)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def count_objects():
    """Of the last look."""
    return sum(row["count"] for row in json.loads((BENCH / "look.json").read_text())["types"])


def take_rounds(held, lanes, rounds):
    """Medians of the plain read and of each lane, in turn; and what a read copies."""
    plain, taken, copied = [], {name: [] for name in lanes}, 0
    for _ in range(rounds):
        seconds, copied = read_plainly(held.pid)
        plain.append(seconds)
        for name, options in lanes.items():
            taken[name].append(look(held.pid, *options))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return statistics.median(plain), medians, copied


def report_plain(title, seconds, copied, report):
    report.add(f"{title}: plain read of {copied / 1e6:,.0f} MB", seconds, "s")


def look_at_objects(rounds, report):
    title = "1.3 million objects"
    held = Held(PYTHON, HERE / "many_objects.py", OBJECTS)
    lanes = {
        "one": (),
        "two": ("-i", PAUSE, "--looks", "2"),
        "chains": ("--holders", "__main__.Row"),
    }
    try:
        plain, taken, copied = take_rounds(held, lanes, rounds)
    finally:
        held.stop()
    report_plain(title, plain, copied, report)
    report.add(f"{title}: counted", count_objects(), "", OBJECTS * 0.95, at_most=False)
    for what, seconds, target in (
        ("types, containers and their names", taken["one"], 18),
        ("growth: what the second look adds", taken["two"] - taken["one"], 16),
        ("who holds 100,000 of a type", taken["chains"], 20),
    ):
        report.add(f"{title}: {what}", seconds, "s")
        report.add(f"{title}: {what}, over the read", seconds / plain, "x", target)


def look_at_heap(rounds, report):
    title = "1 GB of glibc heap"
    held = Held(BENCH / "bench_heap", HEAP_MB)
    try:
        plain, taken, copied = take_rounds(held, {"parts": ()}, rounds)
    finally:
        held.stop()
    report_plain(title, plain, copied, report)
    report.add(f"{title}: where the memory is", taken["parts"], "s")
    report.add(f"{title}: where the memory is, over the read", taken["parts"] / plain, "x", 2.5)


def part_looks(options, report):
    rounds = max(options.rounds // 3, 3)
    look_at_objects(rounds, report)
    look_at_heap(rounds, report)


if __name__ == "__main__":
    sys.exit("a part of bench.py: run 'sudo make bench ONLY=looks'")
