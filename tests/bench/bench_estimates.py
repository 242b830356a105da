# SPDX-License-Identifier: BSD-2-Clause
"""Whether the overhead that a report states is what tracing adds: of processor time, under load."""

import json
import pathlib
import statistics
import threading
import time

from lanes import BENCH, Loop, Redis, Unavailable, Unfreed
from python_lanes import PythonRoot, PythonTracer, PythonUnfreed, Shop

JEMALLOC = pathlib.Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
TRACED_SECONDS = 6
PLAIN_SECONDS = 3
LEAST, MOST = 0.8, 1.33  # of what is said, over what is measured
SLOW_RATES = (6, 1)  # requests a second


class Load(threading.Thread):
    """Keeps a target at work, and remembers what each piece of it took: when it began and ended, and
    nanoseconds of processor time a unit."""

    def __init__(self, target, count, rate=None):
        super().__init__(daemon=True)
        self.target = target
        self.count = count
        self.pause = count / rate if rate else 0
        self.pieces = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            self.pieces.append((began, self.target.run(self.count), time.monotonic()))
            self.over.wait(max(0, began + self.pause - time.monotonic()) if self.pause else 0)

    def between(self, start, end):
        """The median of the pieces that lie in a stretch of time."""
        units = [unit for began, unit, ended in self.pieces if began >= start and ended <= end]
        return statistics.median(units) if units else None

    def stop(self):
        self.over.set()
        self.join()


def trace_a_while(load, tracer, between, plain_seconds, traced_seconds):
    """What a unit took, by `between` two times: without the tracer, before and after, and with it."""
    time.sleep(plain_seconds)
    before = time.monotonic()
    tracer.attach(load.target)
    start = time.monotonic()
    time.sleep(traced_seconds)
    end = time.monotonic()
    tracer.stop()
    over = time.monotonic()
    time.sleep(plain_seconds)
    around = [between(before - plain_seconds, before), between(over, time.monotonic())]
    return statistics.mean(around), between(start, end)


def measure_once(load, tracer):
    """What tracing adds to a unit in percent, by measurement and as the report says."""
    plain, traced = trace_a_while(load, tracer, load.between, PLAIN_SECONDS, TRACED_SECONDS)
    said = json.loads(tracer.output.read_text())["overhead_percent"]
    return (traced / plain - 1) * 100, said


def measure(title, target, count, make_tracer, rounds, report, rate=None):
    load = Load(target, count, rate)
    load.start()
    try:
        results = [measure_once(load, make_tracer()) for _ in range(rounds)]
    finally:
        load.stop()
        target.stop()
    measured = statistics.median(measured for measured, _ in results)
    said = statistics.median(said for _, said in results)
    report.add(f"{title}: added, measured", measured, "%")
    report.add(f"{title}: added, by the report", said, "%")
    report.add(f"{title}: report over measured", said / measured, "x", MOST)
    report.add(f"{title}: report over measured", said / measured, "x", LEAST, at_most=False)


def exact():
    return Unfreed(output=BENCH / "estimate.json")


def exact_python():
    return PythonUnfreed("exact", "--python", "exact")


def words_on_jemalloc():
    if not JEMALLOC.exists():
        raise Unavailable("libjemalloc2 is not installed")
    return Loop("estimate", environment={"LD_PRELOAD": str(JEMALLOC)}, program="bench_words")


def native_targets():
    yield "malloc loop", lambda: Loop("estimate"), 20_000
    yield ("1,000 live, 1,000 stacks", lambda: Loop(
        "estimate", ["--live", "1000", "--stacks", "1000", "--mixed"]), 20_000)  # fmt: skip
    yield "C++ words", lambda: Loop("estimate", program="bench_words"), 100
    yield "C++ words on jemalloc", words_on_jemalloc, 100
    yield "redis", lambda: Redis("estimate"), 5_000


def measure_native(rounds, report):
    for title, make, count in native_targets():
        try:
            target = make()
        except Unavailable as reason:
            report.leave_out(title, reason)
            continue
        measure(title, target, count, exact, rounds, report)


def measure_shop(rounds, report):
    root = PythonRoot()
    try:
        for rate in (None, *SLOW_RATES):
            title = f"Django, {rate} a second" if rate else "Django"
            shop = Shop(root, PythonTracer(f"estimate {rate}"), None)
            count = 1 if rate else 10
            measure(title, shop, count, exact_python, rounds, report, rate)
    finally:
        root.remove()


def part_estimates(options, report):
    clock, Loop.clock = Loop.clock, "cpu"
    rounds = max(options.rounds // 5, 3)
    try:
        measure_native(rounds, report)
        measure_shop(rounds, report)
    finally:
        Loop.clock = clock
