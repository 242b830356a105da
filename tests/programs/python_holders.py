# SPDX-License-Identifier: BSD-2-Clause
"""Objects of one class that are held in several ways, so many by each, for `--holders`.

Prints `ready`, then for each line on stdin the truth as JSON. An argument: so many MB of other
objects beside them."""
import collections
import functools
import gc
import json
import sys
import threading


class Event:
    def __init__(self, number):
        self.number = number


class Link:
    __slots__ = ("next",)


class Engine:
    limit = [Event(0) for _ in range(3)]

    def __init__(self):
        self.rows = [Event(i) for i in range(40)]
        self.by_user = {f"user{i}": [Event(j) for j in range(10)] for i in range(20)}


class Lonely:
    pass


class Cyclic:
    pass


ENGINE = Engine()
QUEUE = collections.deque((Event(i) for i in range(30)), maxlen=100)
ALIASES = [ENGINE.rows, ENGINE.rows]
LONELY = Lonely()
KEEPERS = {"lonely": LONELY, "other": [LONELY, LONELY]}
HEAD = None
for _ in range(500):
    link = Link()
    link.next = HEAD
    HEAD = link
del link


def make_handler():
    kept = [Event(i) for i in range(7)]
    return lambda: kept


HANDLER = make_handler()
FILL = []


def fill(megabytes):
    while megabytes > 0:
        FILL.append([bytes(400) for _ in range(1000)])
        FILL.append([(float(i), i + 1000) for i in range(2000)])
        megabytes -= (433 + 2 * 116 + 8 * 3) / 1000


@functools.lru_cache(maxsize=64)
def price(number):
    return Event(number)


@functools.lru_cache(maxsize=None)
def unbounded(number):
    return [number]


def use_caches():
    for i in range(50):
        price(i % 25)
    for i in range(200):
        unbounded(i % 90)


def wait(held, done):
    mine = [Event(i) for i in range(5)]
    held.set()
    done.wait()
    return mine


def make_garbage():
    for _ in range(11):
        cyclic = Cyclic()
        cyclic.me = cyclic


def truth():
    caches = {function.__name__: function.cache_info()._asdict() for function in (price, unbounded)}
    return {"rows": id(ENGINE.rows), "lonely": id(LONELY), "caches": caches}


def main():
    fill(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    held, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=wait, args=(held, done))
    thread.start()
    held.wait()
    use_caches()
    gc.collect()
    gc.disable()
    make_garbage()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(truth()), flush=True)
    done.set()
    thread.join()


main()
