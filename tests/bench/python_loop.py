#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Loads that a Python tracer is measured with. `run N` on stdin answers `ok WALL CPU`: nanoseconds
of a unit of the load, a fraction of a millisecond of work."""
import collections
import json
import sys
import time

DOCUMENT = {
    "orders": [
        {"id": number, "customer": f"customer {number}", "total": number * 1.25, "paid": True,
         "lines": [{"sku": f"sku-{line:06}", "count": line, "price": line + 0.5}
                   for line in range(4)]}
        for number in range(25)
    ]
}  # fmt: skip
OBJECTS = 300
GENERATIONS = 20


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


class Item:
    def __init__(self, number, parent):
        self.number = number
        self.point = Point(number * 0.5, number * 1.5)
        self.label = "item %d" % number
        self.parent = parent
        self.tags = [number, self.label]


class Json:
    """Serializes a document and parses it."""

    def unit(self):
        json.loads(json.dumps(DOCUMENT))


class Objects:
    """Makes a generation of objects, and drops one from some time ago."""

    def __init__(self):
        self.generations = collections.deque(maxlen=GENERATIONS)

    def unit(self):
        items = []
        parent = None
        for number in range(OBJECTS):
            parent = Item(number, parent)
            items.append(parent)
        for item in items:
            item.parent = None
        self.generations.append(items)


def main():
    unit = {"json": Json, "objects": Objects}[sys.argv[1]]().unit
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line.split()[1])
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(count):
            unit()
        wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
        print("ok", wall / count, cpu / count, flush=True)


if __name__ == "__main__":
    main()
