# SPDX-License-Identifier: BSD-2-Clause
"""A service that leaks on one line: beside it are a cache that is full from the start and turns
over, and objects that are dropped at once, of the same sizes. Prints `ready`; after a line of
input it leaks 50 MB and prints as JSON {"line": that leaks, "leaked": bytes by its own count,
"all": bytes since `ready` that are outstanding}, and waits for the next line."""
import collections
import json
import os
import sys

LEAK_BYTES = 50_000_000
CACHED = 10_000
SIZES = [40, 70, 120, 200, 330, 450]
cache = collections.deque(maxlen=CACHED)
kept = []


class Page:
    __slots__ = ("body", "number")

    def __init__(self, body, number):
        self.body = body
        self.number = number


def make(number):
    return bytes(SIZES[number % len(SIZES)] + number % 16)


def answer(number):
    words = [make(number + i) for i in range(4)]
    return Page(words[0], number)


def leak(number):
    kept.append(bytes(SIZES[number % len(SIZES)] + number % 16))


def serve(count):
    leaked = number = 0
    while leaked < count:
        for _ in range(2):
            cache.append(answer(number))
        if count > 1:
            leak(number)
            leaked += sys.getsizeof(kept[-1])
        number += 1
        if count == 1:
            leaked += number > CACHED
    return leaked


serve(1)
print("ready", flush=True)
sys.stdin.readline()
leaked = serve(LEAK_BYTES)
cached = sum(sys.getsizeof(page) + sys.getsizeof(page.body) + sys.getsizeof(page.number)
             for page in cache)
listed = sys.getsizeof(kept)
print(json.dumps({"line": leak.__code__.co_firstlineno + 1, "leaked": leaked + listed,
                  "all": leaked + listed + cached}), flush=True)
sys.stdin.readline()
os._exit(0)
