# SPDX-License-Identifier: BSD-2-Clause
"""No leak: a cache that is full before anybody looks, each of whose entries is replaced every 80
seconds, and steady churn."""
import collections

import paced

BOUND = 40_000
A_SECOND = 500
CACHE = collections.OrderedDict()
used = 0


class Entry:
    def __init__(self, number):
        self.key = number
        self.value = "value %d of the cache" % number


def put_entry(number):
    CACHE[number] = Entry(number)  # fills full
    if len(CACHE) > BOUND:
        CACHE.popitem(last=False)


def handle_request(number):
    return [{"id": i, "name": "row %d %d" % (number, i)} for i in range(50)]


def step(seconds):
    global used
    while used < seconds * A_SECOND:
        put_entry(used)
        used += 1
    handle_request(used)


def truth():
    return {"caches": {"full": paced.subject("full", ["__main__.CACHE"], full=True, uses=used)}}


for number in range(-BOUND, 0):
    put_entry(number)
paced.run(step, truth)
