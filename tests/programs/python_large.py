# SPDX-License-Identifier: BSD-2-Clause
"""Fills so many MB with objects, quickly, then leaks into a dictionary at each line of its input.
Says "ready", then for each number N that it reads: adds N entries, and says how many there are."""
import gc
import sys


class Engine:
    def __init__(self):
        self.rows = []
        self.by_user = {}


class Shelf:
    """Not a module's own: held by an instance in a list in a module's dictionary."""
    contents = {}


HISTORY = {}
SHELVES = [Engine() for _ in range(3)]
FILL = []


def fill(megabytes):
    # three kinds of block: strings, tuples in lists, and dictionaries that are small
    while megabytes > 0:
        FILL.append([bytes(400) for _ in range(1000)])
        FILL.append([(float(i), i + 1000) for i in range(2000)])
        FILL.append([{"a": i} for i in range(1000)])
        megabytes -= (433 + 2 * 116 + 8 * 5 + 264) / 1000


def keep():
    seen = set()
    for line in sys.stdin:
        for _ in range(int(line)):
            number = len(HISTORY)
            HISTORY[f"user-{number}"] = ["event", number + 1000.0]
            SHELVES[1].rows.append(number + 2000)
            Shelf.contents[number] = str(number)
            seen.add(number + 5000)
        print(len(HISTORY), flush=True)


gc.disable()
fill(int(sys.argv[1]))
print("ready", flush=True)
keep()
