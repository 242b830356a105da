#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What tracing costs, as ratios within one run. See README.md beside this file.

Absolute times move from machine to machine and from minute to minute: every comparison interleaves
its rounds and takes medians, and the targets are ratios.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from bench_budget import part_budget
from bench_estimates import part_estimates
from bench_looks import part_looks
from bench_python import part_django, part_python
from bench_stacks import part_stacks
from lanes import (
    BENCH,
    ROOT,
    ROUND_NS,
    Bpftrace,
    Floor,
    Heaptrack,
    Lane,
    Loop,
    Memleak,
    Peers,
    Tracer,
    Unavailable,
    Unfreed,
    Untraced,
    take_turns,
)

BUSY_SHARE = 0.9
BLOCKS = 1_000_000

# name, what it is, arguments of the loop, blocks live in it, most that unfreed may cost over floor
LOADS = [
    ("hot", "hot pair", [], 0, 1.40),
    ("live-1k", "1,000 live, random order", ["--live", "1000"], 1000, 1.45),
    ("live-16k", "16,000 live, random order", ["--live", "16000"], 16000, 1.60),
    ("hot-mixed", "hot pair, 1,000 stacks, mixed sizes, 4 threads",
     ["--stacks", "1000", "--mixed", "--threads", "4"], 0, 1.40),
    ("live-1k-mixed", "1,000 live, 1,000 stacks, mixed sizes, 4 threads",
     ["--live", "1000", "--stacks", "1000", "--mixed", "--threads", "4"], 1000, 1.45),
    ("live-16k-mixed", "16,000 live, 1,000 stacks, mixed sizes, 4 threads",
     ["--live", "16000", "--stacks", "1000", "--mixed", "--threads", "4"], 16000, 1.60),
]  # fmt: skip

# load: least that memleak must cost in multiples of unfreed
PEER_LOADS = {"hot": 8.0, "live-16k": 6.0}


class Report:
    """The table, and what decides the exit status."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, unit, target=None, at_most=True):
        met = None
        if target is not None:
            met = value <= target if at_most else value >= target
        self.rows.append(
            {"what": what, "value": value, "unit": unit, "target": target,
             "at_most": at_most, "met": met}
        )  # fmt: skip
        print(self.line(self.rows[-1]), flush=True)

    @staticmethod
    def line(row):
        digits = 2 if abs(row["value"]) < 100 else 0
        text = f"  {row['what']:<58} {row['value']:>10,.{digits}f} {row['unit']:<6}"
        if row["target"] is None:
            return text.rstrip()
        bound = "at most" if row["at_most"] else "at least"
        verdict = "met" if row["met"] else "MISSED"
        return f"{text} {bound} {row['target']:g}: {verdict}"

    def leave_out(self, what, reason):
        self.rows.append({"what": what, "left_out": str(reason)})
        print(f"  {what:<58} left out: {reason}", flush=True)

    def missed(self):
        return [row["what"] for row in self.rows if row.get("met") is False]


# --- pairs: malloc and free under each tracer ---------------------------------------------------


def tracers_for(load, kind, peers):
    yield Untraced()
    yield Floor(kind)
    yield Unfreed()
    if load[0] in PEER_LOADS:
        if peers:
            yield Memleak(peers)
            yield Bpftrace(peers)
        yield Heaptrack()


def measure_load(load, kind, peers, rounds, report):
    """Returns the median nanoseconds a pair by tracer."""
    lanes = []
    try:
        for tracer in tracers_for(load, kind, peers):
            try:
                lanes.append(Lane(tracer, load[2], load[3]))
            except Unavailable as reason:
                report.leave_out(f"{load[1]}: {tracer.name}", reason)
        take_turns(lanes, rounds)
    finally:
        for lane in lanes:
            lane.stop()
    return {lane.name: lane.median() for lane in lanes}


def report_load(load, medians, report):
    name, title, _, _, target = load
    for lane, value in medians.items():
        report.add(f"{title}: {lane}", value, "ns")
    if "unfreed" not in medians:
        return
    base = medians["untraced"]
    added = medians["unfreed"] - base
    if "floor" in medians:
        ratio = added / (medians["floor"] - base)
        report.add(f"{title}: added, over the floor", ratio, "x", target)
        report.add(f"{title}: pair, over the floor's", medians["unfreed"] / medians["floor"], "x")
    if "memleak" in medians:
        ratio = (medians["memleak"] - base) / added
        report.add(f"{title}: memleak costs", ratio, "x", PEER_LOADS[name], at_most=False)
    if "bpftrace" in medians:
        report.add(f"{title}: bpftrace costs", (medians["bpftrace"] - base) / added, "x")
    if "heaptrack" in medians:
        report.add(f"{title}: heaptrack costs", (medians["heaptrack"] - base) / added, "x")


def part_pairs(options, report):
    try:
        peers = None if options.no_peers else Peers()
    except Unavailable as reason:
        report.leave_out("memleak and bpftrace", reason)
        peers = None
    try:
        for load in LOADS:
            if not options.load or load[0] in options.load:
                medians = measure_load(load, options.attach, peers, options.rounds, report)
                report_load(load, medians, report)
    finally:
        if peers:
            peers.remove()


# --- memory: a million blocks outstanding -------------------------------------------------------


def kernel_bytes():
    wanted = {"Slab:", "VmallocUsed:"}
    with open("/proc/meminfo") as file:
        fields = [line.split() for line in file]
    return sum(int(field[1]) * 1024 for field in fields if field[0] in wanted)


def settled_kernel_bytes():
    """Freed kernel memory comes back late: waits until the figure stands still."""
    before = kernel_bytes()
    while True:
        time.sleep(1)
        now = kernel_bytes()
        if abs(now - before) < 256 * 1024:
            return now
        before = now


def part_memory(options, report):
    output = BENCH / "million.json"
    tracer = Unfreed("--max-blocks", str(BLOCKS), "--attach", options.attach, output=output)
    loop = Loop("memory", ["--stacks", "1000", "--mixed"])
    try:
        before = settled_kernel_bytes()
        tracer.attach(loop)
        loop.ask(f"hold {BLOCKS}")
        used = settled_kernel_bytes() - before
        started = time.monotonic()
        tracer.stop()
        seconds = time.monotonic() - started
        report.add("1,000,000 blocks: kernel memory", used / BLOCKS, "B each", 128)
        report.add("1,000,000 blocks: from ^C to the report written", seconds, "s", 2)
        held = json.loads(output.read_text())["totals"]["live_blocks"]
        report.add("1,000,000 blocks: in the report", held, "", BLOCKS, at_most=False)
    finally:
        tracer.stop()
        loop.stop()


# --- attach: how long it takes to come and to go ------------------------------------------------


def part_attach(options, report):
    loop = Loop("attach")
    attaching, detaching = [], []
    try:
        for _ in range(5):
            tracer = Unfreed("--attach", options.attach)
            started = time.monotonic()
            tracer.attach(loop)
            attaching.append(time.monotonic() - started)
            started = time.monotonic()
            tracer.stop()
            detaching.append(time.monotonic() - started)
    finally:
        loop.stop()
    report.add("from start to tracing", statistics.median(attaching), "s")
    report.add("from ^C to exit, nothing outstanding", statistics.median(detaching), "s")


# --- bystanders: other processes on the same libc -----------------------------------------------


def part_bystanders(options, report):
    traced = Loop("bystander")
    bystander = Loop("bystander", libc=traced.libc.parent)
    alone, beside = [], []
    try:
        pairs = int(ROUND_NS / bystander.run(100_000))
        for _ in range(options.rounds // 2 + 1):
            alone += [bystander.run(pairs) for _ in range(5)]
            tracer = Unfreed("--attach", options.attach)
            tracer.attach(traced)
            beside += [bystander.run(pairs) for _ in range(5)]
            tracer.stop()
    finally:
        traced.stop()
        bystander.stop()
    ratio = statistics.median(beside) / statistics.median(alone)
    report.add("untraced process on the same libc, with over without", ratio, "x", 1.02)


PARTS = {
    "pairs": part_pairs,
    "memory": part_memory,
    "attach": part_attach,
    "bystanders": part_bystanders,
    "stacks": part_stacks,
    "python": part_python,
    "django": part_django,
    "looks": part_looks,
    "estimates": part_estimates,
    "budget": part_budget,
}


def best_attach_kind():
    """The kind that unfreed chooses here: the floor must use the same."""
    for kind in ("session", "multi", "perf"):
        loop = Loop("kind")
        floor = Floor(kind)
        try:
            floor.attach(loop)
            return kind
        except (Unavailable, OSError):
            continue
        finally:
            floor.stop()
            loop.stop()
    return "perf"


def parse_options():
    parser = argparse.ArgumentParser(description="Measure what tracing costs.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--attach", choices=["session", "multi", "perf"])
    parser.add_argument("--no-peers", action="store_true", help="without memleak and bpftrace")
    parser.add_argument("--load", action="append", choices=[load[0] for load in LOADS])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {unknown[0]}; there are {', '.join(PARTS)}")
    return options


def warn_if_busy():
    """With other work on the machine, wall time measures that work too."""
    share = Loop.cpu_ns / Loop.wall_ns if Loop.wall_ns else 1
    if Loop.clock == "wall" and share < BUSY_SHARE:
        print(f"the machine was busy: the loops ran {share:.0%} of the time; repeat on an idle"
              " machine, or with CLOCK=cpu")  # fmt: skip


def give_back():
    owner = os.stat(ROOT)
    subprocess.run(["chown", "-Rh", f"{owner.st_uid}:{owner.st_gid}", str(BENCH)])


def main():
    options = parse_options()
    if os.geteuid() != 0:
        sys.exit("bench: tracing needs root: run 'sudo make bench'")
    BENCH.mkdir(parents=True, exist_ok=True)
    Loop.clock = options.clock
    options.attach = options.attach or best_attach_kind()
    report = Report()
    print(f"Linux {os.uname().release}, {os.cpu_count()} CPUs, attach kind {options.attach},")
    print(f"medians of {options.rounds} interleaved rounds, {options.clock} time", flush=True)
    try:
        for name in options.parts or PARTS:
            try:
                PARTS[name](options, report)
            except Unavailable as reason:
                report.leave_out(name, reason)
    finally:
        (BENCH / "results.json").write_text(json.dumps(report.rows, indent=1) + "\n")
        give_back()
    warn_if_busy()
    missed = report.missed()
    print(f"{len(missed)} targets missed" + "".join(f"\n  {what}" for what in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
