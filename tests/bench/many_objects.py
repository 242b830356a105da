#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds so many objects as a service has them: rows, their dicts, lists and strings, links of a
chain, made in no order, so that what belongs together does not lie side by side. Prints "ready" and
waits until its input ends."""
import gc
import random
import sys

OF_A_ROW = 12  # the row, its price and name, its tags with number and list of words, its key


class Row:
    def __init__(self, number):
        self.number = number
        self.price = number * 1.5
        self.name = f"row {number} of the table"
        self.tags = {"number": 1000 + number, "words": [f"word {number * 3 + i}" for i in range(4)]}


class Link:
    __slots__ = ("row", "next")

    def __init__(self, row, follower):
        self.row = row
        self.next = follower


ROWS = {}
CHAIN = None


def add_row(number):
    global CHAIN
    row = Row(number)
    ROWS[f"{number:x}"] = row
    if number % 10 == 0:
        CHAIN = Link(row, CHAIN)


def main():
    random.seed(1)
    numbers = list(range(int(sys.argv[1]) // OF_A_ROW))
    random.shuffle(numbers)
    for number in numbers:
        add_row(number)
    del numbers
    gc.collect()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
