# SPDX-License-Identifier: BSD-2-Clause
"""A slow leak of small objects amid churn of the same sizes.

    slow_leak.py LEAK_KB_A_SECOND ROUNDS_A_SECOND [IN_FLIGHT]

Each round of churn makes about 300 objects, of which those of the last IN_FLIGHT rounds live.
"""
import collections
import sys

import paced

LEAK_BYTES, ROUNDS = float(sys.argv[1]) * 1000, int(sys.argv[2])
in_flight = collections.deque(maxlen=int(sys.argv[3]) if len(sys.argv) > 3 else 5)


class Event:
    def __init__(self, user, item):
        self.user = user
        self.item = item
        self.tags = {"user": user, "item": item}


class Row:
    def __init__(self, number):
        self.number = number
        self.name = "row %d of a table" % number
        self.fields = {"number": number, "name": self.name}


SEEN = []
rounds = 0


def make_event(number):
    return Event("user-%09d-of-the-shop" % number, "item-%09d-of-the-catalogue" % number)


def remember_event(number):
    SEEN.append(make_event(number))  # fills slow


# An object of three attributes has 40 bytes of values beside it.
EVENT_BYTES = 40 + sum(map(sys.getsizeof, (
    event := make_event(0), event.tags, event.user, event.item)))  # fmt: skip


def parse_headers(number):
    return {"header-%d" % i: "value %d of header %d" % (number, i) for i in range(20)}


def render_page(rows):
    return "".join(["<li id=%d>%s</li>" % (row.number, row.name) for row in rows])


def handle_request(number):
    rows = [Row(number * 100 + i) for i in range(50)]
    return parse_headers(number), rows, render_page(rows)


def step(seconds):
    global rounds
    while rounds < seconds * ROUNDS:
        in_flight.append(handle_request(rounds))
        rounds += 1
    while len(SEEN) * EVENT_BYTES < seconds * LEAK_BYTES:
        remember_event(len(SEEN))


def truth():
    counts = {"entries": len(SEEN), "bytes": len(SEEN) * EVENT_BYTES}
    return {"rounds": rounds, "leaks": {"slow": paced.subject("slow", ["__main__.SEEN"], **counts)}}


paced.run(step, truth)
