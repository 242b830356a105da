# SPDX-License-Identifier: BSD-2-Clause
"""Fills containers in ways that are known, until its input ends: each by a function of its own.

Prints `ready`, and as one line of JSON which names are filled by which functions.
"""
import json
import queue
import select
import sys
import time


class Link:
    def __init__(self, after):
        self.after = after


class Engine:
    def __init__(self):
        self.rows = []
        self.head = None


ENGINE = Engine()
HISTORY = {}
SEEN = set()
REPLACED = []
QUEUE = queue.Queue()


def remember(number):
    HISTORY[number] = {"number": number}


def train(number):
    ENGINE.rows.append((number, float(number)))


def chain(number):
    ENGINE.head = Link(ENGINE.head)


def see(number):
    SEEN.add(f"s{number}")


def replace(number):
    global REPLACED
    REPLACED = REPLACED + [number]


def put(number):
    QUEUE.put(number)


def serve():
    fillers = [remember, train, chain, see, replace, put]
    number = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        number += 1
        churn = [{"a": i, "b": [i] * 3} for i in range(50)]
        fillers[number % len(fillers)](number)
        time.sleep(0.002)
        del churn


def main():
    print("ready", flush=True)
    print(json.dumps({
        "__main__.HISTORY": ["dict", "remember"], "__main__.ENGINE.rows": ["list", "train"],
        "__main__.SEEN": ["set", "see"], "__main__.REPLACED": ["list", "replace"],
        "__main__.ENGINE.head": ["__main__.Link", "chain"], "__main__.Link": [None, "chain"],
        "__main__.QUEUE": ["collections.deque", "put"],
    }), flush=True)  # fmt: skip
    serve()


if __name__ == "__main__":
    main()
