# SPDX-License-Identifier: BSD-2-Clause
"""What tracing costs a Python program: parts of bench.py, see README.md beside this file."""

import statistics

from lanes import TracedLane, Unavailable
from python_lanes import PythonLoop, PythonRoot, Shop, python_tracers

ROUND_NS = 40e6  # of the untraced program; the same work in every lane
REQUEST_ROUND = 20
POOLS_TARGET = 1.03
BASE = "untraced"
HEAVIEST = "memray, Python allocators, native"


class PythonLane(TracedLane):
    def __init__(self, make, root, tracer, load):
        super().__init__(tracer, make(root, tracer, load))

    def round(self, count):
        self.results.append(self.target.run(count))


def open_lanes(make, root, load, report):
    lanes = []
    for tracer in python_tracers():
        try:
            lanes.append(PythonLane(make, root, tracer, load))
        except Unavailable as reason:
            report.leave_out(f"Python, {load}: {tracer.name}", reason)
    return lanes


def measure(make, root, load, count, rounds, report):
    """Median nanoseconds a unit by tracer, in rounds that take turns."""
    lanes = open_lanes(make, root, load, report)
    try:
        if not count:
            count = max(1, int(ROUND_NS / lanes[0].target.run(100)))
        for lane in lanes:
            lane.target.run(count)
        for _ in range(rounds):
            for lane in lanes:
                lane.round(count)
    finally:
        for lane in lanes:
            lane.stop()
    return {lane.name: lane.results for lane in lanes}


def report_slowdowns(load, results, report):
    """Each round is compared with the untraced one of its turn; the median of these ratios."""
    slowdowns = {}
    for name, times in results.items():
        if name == BASE:
            continue
        ratios = [traced / plain for traced, plain in zip(times, results[BASE])]
        slowdowns[name] = statistics.median(ratios)
        target = POOLS_TARGET if name == "unfreed pools" else None
        report.add(f"Python, {load}: {name}", slowdowns[name], "x", target)
    return slowdowns


def part_python(options, report):
    root = PythonRoot()
    try:
        for load in ("json", "objects"):
            results = measure(PythonLoop, root, load, None, options.rounds, report)
            report.add(f"Python, {load}: {BASE}", statistics.median(results[BASE]) / 1e3, "us")
            report_slowdowns(load, results, report)
    finally:
        root.remove()


def part_django(options, report):
    root = PythonRoot()
    try:
        results = measure(Shop, root, "Django", REQUEST_ROUND, options.rounds, report)
        for name, times in results.items():
            report.add(f"requests per second: {name}", 1e9 / statistics.median(times), "")
        slowdowns = report_slowdowns("Django", results, report)
        if {HEAVIEST, "unfreed exact"} <= set(slowdowns):
            ratio = (slowdowns[HEAVIEST] - 1) / (slowdowns["unfreed exact"] - 1)
            report.add(f"Python, Django: {HEAVIEST} costs", ratio, "x", 1, at_most=False)
    finally:
        root.remove()
