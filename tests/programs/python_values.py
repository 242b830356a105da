# SPDX-License-Identifier: BSD-2-Clause
"""Values and containers that are replaced by longer ones, beside others that are replaced by any, amid threads that
allocate.

Prints {kind: [name, type, line's function]} of what grows, `ready`, and goes on until a line comes.
Arguments: replacements a second of each, threads that allocate.
"""
import collections
import gc
import json
import random
import sys
import threading

try:
    import numpy
except ImportError:
    numpy = None
try:
    import pandas
except ImportError:
    pandas = None

RATE = float(sys.argv[1])
THREADS = int(sys.argv[2])
stop = threading.Event()
steps = []
truth = {}


def grows(name, kind):
    def add(step):
        steps.append(step)
        truth[step.__name__] = [name, kind, step.__name__]
        return step
    return add


class Log:
    def __init__(self):
        self.text = ""


class Store:
    def __init__(self):
        self.raw = b""


class Series:
    def __init__(self):
        self.sizes = ()


class Busy:
    def __init__(self):
        self.status = ""
        self.page = b""
        self.buffer = ""
        self.window = ()
        self.seen = frozenset()
        self.layers = collections.ChainMap({})


class Slotted:
    __slots__ = ("text",)

    def __init__(self):
        self.text = ""


LOG, STORE, SERIES, SLOTTED, BUSY = Log(), Store(), Series(), Slotted(), Busy()
MARKS = []
SEEN, NAMES, TABLE, LAYERS = frozenset(), set(), {}, collections.ChainMap({})
ARRAY = numpy.zeros(100) if numpy else None
FRAME = pandas.DataFrame({"a": [0.0], "b": [1.0]}) if pandas else None
GLOBAL = ""
CACHE = {"key %d" % number: "value %d" % number for number in range(20)}
ANSWERS = {number: "" for number in range(50)}


@grows("__main__.LOG.text", "str")
def add_text(number):
    LOG.text += "message %d of the log, as it was written\n" % number


@grows("__main__.STORE.raw", "bytes")
def add_raw(number):
    STORE.raw = STORE.raw + b"0123456789abcdef" * 4


@grows("__main__.SERIES.sizes", "tuple")
def add_size(number):
    SERIES.sizes = SERIES.sizes + (number % 100,) * 8


@grows("__main__.MARKS", "list")
def add_mark(number):
    global MARKS
    MARKS = MARKS + [None] * 8


@grows("__main__.SEEN", "frozenset")
def add_seen(number):
    global SEEN
    SEEN = SEEN | {"seen %d" % number}


@grows("__main__.NAMES", "set")
def add_name(number):
    global NAMES
    NAMES = NAMES | {"name %d" % number}


@grows("__main__.TABLE", "dict")
def add_row(number):
    global TABLE
    TABLE = {**TABLE, number: "row %d" % number}


@grows("__main__.LAYERS.maps", "list")
def add_layer(number):
    global LAYERS
    LAYERS = LAYERS.new_child({"number": "layer %d" % number})


@grows("__main__.SLOTTED.text", "str")
def add_slotted(number):
    SLOTTED.text += "entry %d of a slot, behind the others;" % number


@grows("__main__.GLOBAL", "str")
def add_global(number):
    global GLOBAL
    GLOBAL += "global number %d, and what belongs to it;" % number


@grows("__main__.CACHE[*]", "str")
def add_cached(number):
    CACHE["key 7"] += "part %d of an answer that never ends;" % number


def make_closure():
    kept = ""

    def add_kept(number):
        nonlocal kept
        kept = kept + "kept %d, as nobody comes to take it;" % number
    return add_kept


steps.append(make_closure())
truth["add_kept"] = ["local kept of make_closure", "str", "make_closure.<locals>.add_kept"]

if numpy:
    @grows("__main__.ARRAY", "numpy.ndarray")
    def add_numbers(number):
        global ARRAY
        ARRAY = numpy.append(ARRAY, numpy.ones(8) * number)

if pandas:
    @grows("__main__.FRAME", "pandas.core.frame.DataFrame")
    def add_rows(number):
        global FRAME
        row = pandas.DataFrame({"a": [float(number)] * 8, "b": [1.0] * 8})
        FRAME = pandas.concat([FRAME, row], ignore_index=True)


def hold(number):
    """What does not grow: any length, rotated at a limit, as many as before."""
    BUSY.status = "s" * random.randrange(20000)
    BUSY.page = b"p" * random.randrange(2000)
    BUSY.window = tuple(range(random.randrange(200)))
    BUSY.seen = frozenset(random.sample(range(1000, 9000), random.randrange(100)))
    BUSY.layers = BUSY.layers.new_child() if number % 20 else collections.ChainMap({})
    ANSWERS[number % 50] = "a" * random.randrange(3000)
    BUSY.buffer += "b" * 100
    if len(BUSY.buffer) > 3000:
        BUSY.buffer = ""


def churn():
    number = 0
    while not stop.is_set():
        number += 1
        table = {str(i): str(i) * random.randrange(30) for i in range(random.randrange(200))}
        rows = [(i, str(i)) for i in range(random.randrange(400))]
        hold(number)
        del table, rows


def grow():
    number = 0
    while not stop.wait(1 / RATE):
        number += 1
        for step in steps:
            step(number)


def main():
    for number in range(100):
        hold(number)
        for step in steps:
            step(number)
    threads = [threading.Thread(target=grow)]
    threads += [threading.Thread(target=churn) for _ in range(THREADS)]
    gc.collect()
    for thread in threads:
        thread.start()
    print(json.dumps(truth))
    print("ready", flush=True)
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join()


main()
