# SPDX-License-Identifier: BSD-2-Clause
"""What stacks cost by depth and by how they are walked: a part of bench.py, see README.md."""

import json
import re
import statistics
import subprocess
from pathlib import Path

from lanes import (
    BENCH,
    BUILD,
    Floor,
    Heaptrack,
    Lane,
    Loop,
    Redis,
    TracedLane,
    Unavailable,
    Unfreed,
    Untraced,
    take_turns,
)

SHALLOW, DEEP = 20, 60
LEVELS = 10  # the least that bench_loop descends
MANY = 1000
TABLES, POINTERS = "bench_loop.tables", "bench_loop.pointers"
REQUESTS = 10_000
TABLE_FILES = [
    # title, patterns of which the first that is here counts, most milliseconds
    ("python3", ["/usr/bin/python3.11", "/usr/bin/python3.*[0-9]"], 100),
    ("libLLVM", ["/usr/lib/*/libLLVM-14.so.1", "/usr/lib/*/libLLVM*.so*"], 1000),
]
ROW_BYTES = 8


def frames_seen(program, levels):
    """How many frames unfreed finds in the stacks of a loop."""
    output = BENCH / "frames.json"
    tracer = Unfreed(output=output)
    loop = Loop("frames", ["--depth", str(levels)], program=program)
    try:
        tracer.attach(loop)
        loop.run(1000)
    finally:
        tracer.stop()
        loop.stop()
    stacks = json.loads(output.read_text())["stacks"]
    stack = max(stacks, key=lambda stack: stack["alloc_blocks"])
    if stack["truncated"]:
        raise Unavailable(f"the stacks of {program} are cut")
    return sum(frame["kind"] == "native" for frame in stack["frames"])


def levels_for(program, frames):
    """What bench_loop has to be told, so that its stack has that many frames."""
    levels = LEVELS + frames - frames_seen(program, LEVELS)
    if frames_seen(program, levels) != frames:
        raise Unavailable(f"{program} has no stack of {frames} frames")
    return levels


def open_walks(kind, stacks):
    """(floor at 60 frames, unfreed there, unfreed at 20 by tables, the same by frame pointers)"""
    plan = [
        ("floor-60", Floor(kind), TABLES, DEEP),
        ("unfreed-60", Unfreed(), TABLES, DEEP),
        ("tables-20", Unfreed(), TABLES, SHALLOW),
        ("pointers-20", Unfreed(), POINTERS, SHALLOW),
    ]
    lanes = []
    for name, tracer, program, frames in plan:
        arguments = ["--stacks", str(stacks), "--depth", str(levels_for(program, frames))]
        lanes.append(Lane(tracer, arguments, name=name, program=program))
        yield lanes[-1]


def measure(lanes, rounds):
    lanes = list(lanes)
    try:
        take_turns(lanes, rounds)
    finally:
        for lane in lanes:
            lane.stop()
    return [lane.median() for lane in lanes]


def report_walks(options, report, stacks, title, targets):
    floor, deep, tables, pointers = measure(open_walks(options.attach, stacks), options.rounds)
    ratio_target, deep_target = targets
    report.add(f"{title}, {SHALLOW} frames: by tables", tables, "ns")
    report.add(f"{title}, {SHALLOW} frames: by frame pointers", pointers, "ns")
    report.add(f"{title}, {SHALLOW} frames: tables over pointers", tables / pointers, "x",
               ratio_target)  # fmt: skip
    report.add(f"{title}, {DEEP} frames: floor", floor, "ns")
    report.add(f"{title}, {DEEP} frames: unfreed above it", (deep - floor) / 1e3, "us", deep_target)


# --- tables: how soon they are there, and how large ---------------------------------------------


def report_tables(title, patterns, most_ms, rounds, report):
    found = [path for pattern in patterns for path in sorted(Path("/").glob(pattern[1:]))]
    if not found:
        report.leave_out(f"tables of {title}", f"no {patterns[0]}")
        return
    times = []
    for _ in range(rounds):
        printed = subprocess.run(
            [str(BUILD / "tests/unwind_count"), str(found[0])], stdout=subprocess.PIPE, text=True
        ).stdout
        rows, row_bytes, ms = re.search(
            r"^sum: (\d+) rows, .* ([\d.]+) bytes/row, ([\d.]+) ms", printed, re.MULTILINE
        ).groups()
        times.append(float(ms))
    title = f"tables of {found[0].name}, {int(rows):,} rows"
    report.add(f"{title}: ready in", statistics.median(times), "ms", most_ms)
    report.add(f"{title}: in the kernel", float(row_bytes), "B each", ROW_BYTES)


# --- programs: beside heaptrack -----------------------------------------------------------------


class RedisLane(TracedLane):
    def __init__(self, tracer):
        super().__init__(tracer, Redis(f"redis-{tracer.name}", tracer.environment()))
        self.target.run(REQUESTS)  # until what it holds has been replaced

    def round(self):
        self.results.append(self.target.run(REQUESTS))


def words_lane(tracer):
    return Lane(tracer, name=f"words-{tracer.name}", program="bench_words")


def report_program(title, make_lane, rounds, report):
    lanes = []
    for tracer in (Untraced(), Unfreed(), Heaptrack()):
        try:
            lanes.append(make_lane(tracer))
        except Unavailable as reason:
            report.leave_out(f"{title}: {tracer.name}", reason)
    medians = measure(lanes, rounds)
    costs = {lane.tracer.name: median for lane, median in zip(lanes, medians)}
    base = costs.pop("untraced")
    report.add(f"{title}: untraced", base / 1e3, "us")
    for name, cost in costs.items():
        report.add(f"{title}: {name}", cost / base, "x")
    if {"unfreed", "heaptrack"} <= set(costs):
        ratio = (costs["heaptrack"] - base) / (costs["unfreed"] - base)
        report.add(f"{title}: heaptrack costs", ratio, "x")


def part_stacks(options, report):
    report_walks(options, report, 1, "one stack", (1.3, 3.0))
    report_walks(options, report, MANY, f"{MANY:,} stacks", (None, None))
    for title, patterns, most_ms in TABLE_FILES:
        report_tables(title, patterns, most_ms, options.rounds, report)
    report_program("C++ words", words_lane, options.rounds, report)
    report_program("redis request", RedisLane, options.rounds, report)
