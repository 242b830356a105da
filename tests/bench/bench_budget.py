# SPDX-License-Identifier: BSD-2-Clause
"""What a budget is asked for, what is spent of it, and what that does to the target, under load."""

import json
import statistics
from functools import partial

from bench_estimates import Load, trace_a_while
from lanes import BENCH, Loop, Redis, Unavailable, Unfreed

TRACED_SECONDS = 10
PLAIN_SECONDS = 5
ASKED = {1: 1.3, 5: 6}  # percent, and at most so many spent


class Budget(Unfreed):
    exact = False


def mean_between(load, start, end):
    """Processor time a unit, of all that was done: in windows it is many times longer."""
    units = [unit for began, unit, ended in load.pieces if began >= start and ended <= end]
    if not units:
        raise Unavailable("no piece of its work fits in")
    return statistics.mean(units)


def measure_once(load, percent):
    """Percent of processor time: spent by the report, and what a unit took more than around it."""
    output = BENCH / "budget.json"
    tracer = Budget("--budget", str(percent), output=output)
    plain, traced = trace_a_while(load, tracer, partial(mean_between, load), PLAIN_SECONDS,
                                  TRACED_SECONDS)
    spent = json.loads(output.read_text())["windows"]["spent_percent"]
    return spent, (traced / plain - 1) * 100


def measure(title, target, count, rounds, report):
    load = Load(target, count)
    load.start()
    try:
        for percent, most in ASKED.items():
            results = [measure_once(load, percent) for _ in range(rounds)]
            spent = [spent for spent, _ in results]
            added = sorted(added for _, added in results)
            report.add(f"{title}: of {percent} % asked for, spent", max(spent), "%", most)
            report.add(f"{title}: a unit takes more by, median", statistics.median(added), "%")
            report.add(f"{title}: by, from round to round, +-", (added[-1] - added[0]) / 2, "%")
    finally:
        load.stop()
        target.stop()


def targets():
    yield "malloc loop", lambda: Loop("budget"), 100_000
    yield "malloc loop, 4 threads", lambda: Loop("budget", ["--threads", "4"]), 100_000
    yield "C++ words", lambda: Loop("budget", program="bench_words"), 100
    yield "redis", lambda: Redis("budget"), 20_000


def part_budget(options, report):
    clock, Loop.clock = Loop.clock, "cpu"
    rounds = max(options.rounds // 5, 3)
    try:
        for title, make, count in targets():
            try:
                measure(title, make(), count, rounds, report)
            except Unavailable as reason:
                report.leave_out(title, reason)
    finally:
        Loop.clock = clock
