# SPDX-License-Identifier: BSD-2-Clause
"""One of the ways in which memory behaves over days, in seconds.

    simulated.py KIND SEED

KIND: `leak1`, `leak15`, `leak150` (MB an hour, times ten; what holds it is one of four), `leak_by_day`
(the same 15 under a load like day and night), `fills` (over a finite set of keys), `ttl`, `sawtooth`,
`warm_up`, `day_night` (load alone), each amid churn. A day takes a minute.
"""
import collections
import math
import random
import sys

import paced

KIND, SEED = sys.argv[1], int(sys.argv[2])
draw = random.Random(SEED)
FASTER = 10
DAY_SECONDS = 60
ENTRY_CHARACTERS = draw.randrange(40, 900)
CHURN = draw.randrange(20, 400)  # requests a second
KEYS = draw.randrange(3000, 9000)
FILLS_SECONDS = draw.randrange(15, 35)  # in which all but a third of the keys are there
KEPT_SECONDS = draw.randrange(10, 25)
FULL = draw.randrange(2000, 6000)
WARM_SECONDS = draw.randrange(20, 50)
A_SECOND = draw.randrange(100, 300)
PHASE = draw.random() * 2 * math.pi


class Entry:
    def __init__(self, number):
        self.number = number
        self.text = f"{number:09d}" + "x" * ENTRY_CHARACTERS


class Keeper:
    def __init__(self, held):
        self.held = held

    def keep(self, number):
        self.held.append(Entry(number))  # fills it


class Store(Keeper):
    def keep(self, number):
        self.held[number] = Entry(number)  # fills it


KEEPER = (Keeper([]), Keeper(collections.deque()), Store({}),
          Store(collections.OrderedDict()))[SEED % 4]  # fmt: skip
CACHE = {}
ENTRY_BYTES = sum(map(sys.getsizeof, (entry := Entry(0), entry.text, entry.number))) + 40
IN_FLIGHT = collections.deque(maxlen=draw.randrange(5, 50))
done = collections.Counter()


def day_load(seconds):
    """How many seconds of a load of 1 have passed by then, where it swings by 0.8."""
    turn = 2 * math.pi / DAY_SECONDS
    return seconds - 0.8 / turn * (math.cos(turn * seconds + PHASE) - math.cos(PHASE))


def handle_request(number):
    return [{"id": i, "name": f"row {number} {i}"} for i in range(30)]


def up_to(name, count, use):
    while done[name] < count:
        use(done[name])
        done[name] += 1


def leak(seconds, mb_per_hour):
    a_second = mb_per_hour * FASTER * 1e6 / 3600 / ENTRY_BYTES
    up_to("kept", seconds * a_second, KEEPER.keep)


def use_key(_number):
    key = draw.randrange(KEYS)
    if key not in CACHE:
        CACHE[key] = Entry(key)  # fills it


def put(number):
    CACHE[number] = Entry(number)  # fills it


def expire(seconds, a_second):
    while done["dropped"] < (seconds - KEPT_SECONDS) * a_second:
        del CACHE[done["dropped"]]
        done["dropped"] += 1


def clear_when_full(number):
    put(number)
    if len(CACHE) > FULL:
        CACHE.clear()


def step(seconds):
    load = day_load(seconds) if KIND in ("day_night", "leak_by_day") else seconds
    up_to("requests", load * CHURN, lambda number: IN_FLIGHT.append(handle_request(number)))
    if KIND == "leak_by_day":
        leak(load, 15)
    elif KIND.startswith("leak"):
        leak(seconds, float(KIND.removeprefix("leak")))
    elif KIND == "fills":
        up_to("used", seconds * KEYS / FILLS_SECONDS, use_key)
    elif KIND == "ttl":
        up_to("put", seconds * A_SECOND, put)
        expire(seconds, A_SECOND)
    elif KIND == "sawtooth":
        up_to("put", seconds * A_SECOND, clear_when_full)
    elif KIND == "warm_up":
        up_to("put", min(seconds, WARM_SECONDS) * A_SECOND, put)


def truth():
    if KIND.startswith("leak"):
        counts = {"entries": len(KEEPER.held), "bytes": len(KEEPER.held) * ENTRY_BYTES}
        return {"leaks": {"it": paced.subject("it", ["__main__.KEEPER.held"], **counts)}}
    return {"caches": {"it": paced.subject("it", ["__main__.CACHE"], full=False)}}


paced.run(step, truth)
