# SPDX-License-Identifier: BSD-2-Clause
"""The leak keeps what other code had allocated: CPython's free lists hand it on without a call of
an allocator, so that whoever watches those sees nothing, or an innocent line.

    free_lists.py KIND

of KINDS. Ten are kept a step, amid twenty that are dropped.
"""
import contextvars
import sys

import paced

KEPT = []


class Thing:
    def __init__(self, number):
        self.number = number


def count_from(number):
    while True:
        yield number


def started(generator):
    next(generator)
    return generator


KINDS = {
    "dict": lambda number: {"a": number},
    "list": lambda number: [number, number],
    "tuple": lambda number: (number, number + 1),
    "float": lambda number: number * 1.5,
    "str": lambda number: "s%d" % number,
    "int": lambda number: number + 10**9,
    "instance": Thing,
    "set": lambda number: {number},
    "generator": lambda number: started(count_from(number)),
    "bytes": lambda number: b"%d" % number,
    "method": lambda _number: KEPT.append,
    "slice": slice,
    "context": lambda _number: contextvars.copy_context(),
}
make = KINDS[sys.argv[1]]


def drop(number):
    return [make(number + i) for i in range(20)]


def keep(number):
    KEPT.append(make(number))  # fills kept


def step(_seconds):
    drop(len(KEPT))
    for _ in range(10):
        keep(len(KEPT))


def truth():
    size = sum(map(sys.getsizeof, KEPT[-100:])) * len(KEPT) // 100
    counts = {"entries": len(KEPT), "bytes": size}
    return {"leaks": {"kept": paced.subject("kept", ["__main__.KEPT"], **counts)}}


paced.run(step, truth)
