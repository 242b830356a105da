# SPDX-License-Identifier: BSD-2-Clause
"""Containers of many kinds that grow, beside others that do not, amid threads that allocate.

Prints {kind: name} of what grows, `ready`, and goes on until a line comes. Arguments: entries a
second for each kind, threads that allocate; and how many MB of other objects there are beside them.
"""
import array
import collections
import functools
import gc
import heapq
import json
import logging
import queue
import random
import sys
import threading
import weakref

RATE = float(sys.argv[1])
THREADS = int(sys.argv[2])
FILL = [[(float(i), bytes(400)) for i in range(2000)]
        for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 0)]
stop = threading.Event()
steps = {}
truth = {}


class Entry:
    def __init__(self, number):
        self.number = number
        self.text = "entry %d" % number


class Link:
    def __init__(self, behind):
        self.behind = behind


class Leaf:
    __slots__ = ("key", "left", "right")

    def __init__(self, key):
        self.key, self.left, self.right = key, None, None


class Node:
    def __init__(self, parent):
        self.parent, self.children = parent, []
        if parent:
            parent.children.append(self)


def grows(name):
    def add(step):
        steps[step.__name__] = step
        truth[step.__name__] = name
        return step
    return add


LIST, DICT, SET, DEQUE, HEAP, REPLACED = [], {}, set(), collections.deque(), [], []
ORDERED, DEFAULT, INNER = collections.OrderedDict(), collections.defaultdict(list), {}
BYTES, ARRAY, QUEUE, SIMPLE = bytearray(), array.array("q"), queue.Queue(), queue.SimpleQueue()
USERS = {number: [] for number in range(50)}
CHAIN = None
TREE, DOCUMENT, TRIE = Leaf(0.5), Node(None), {}
LAST = DOCUMENT
VALUES, KEPT = weakref.WeakValueDictionary(), []
LOCAL = threading.local()
LOCAL.rows = []


class Engine:
    shared = {}

    def __init__(self):
        self.rows = []


ENGINE = Engine()


class Handler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.kept = []

    def emit(self, record):
        self.kept.append(record)


HANDLER = Handler()
logging.getLogger("growth").addHandler(HANDLER)
logging.getLogger("growth").propagate = False


@grows("__main__.LIST")
def list_(number):
    LIST.append(Entry(number))


@grows("__main__.DICT")
def dict_(number):
    DICT[str(number)] = Entry(number)


@grows("__main__.SET")
def set_(number):
    SET.add(Entry(number))


@grows("__main__.DEQUE")
def deque(number):
    DEQUE.append(Entry(number))


@grows("__main__.HEAP")
def heap(number):
    heapq.heappush(HEAP, (-number, Link(None)))


@grows("__main__.ORDERED")
def ordered(number):
    ORDERED[number] = Entry(number)


@grows("__main__.DEFAULT")
def default(number):
    DEFAULT[number].append(Entry(number))


@grows("__main__.BYTES")
def bytes_(number):
    BYTES.extend(b"0123456789abcdef")


@grows("__main__.ARRAY")
def array_(number):
    ARRAY.append(number)


@grows("__main__.QUEUE.queue")
def queue_(number):
    QUEUE.put(Entry(number))


@grows("__main__.USERS[*]")
def users(number):
    for _ in range(5):
        random.choice(USERS).append(Entry(number))


@grows("__main__.CHAIN")
def chain(number):
    global CHAIN
    CHAIN = Link(CHAIN)


@grows("__main__.TREE")
def tree(number):
    key, at = random.random(), TREE
    while at:
        above, side = at, "left" if key < at.key else "right"
        at = getattr(at, side)
    setattr(above, side, Leaf(key))


@grows("__main__.DOCUMENT")
def document(number):
    """Nodes know those above them, and one leads to where the last ones are."""
    global LAST
    if number % 5 == 0:
        LAST = random.choice(LAST.children or [DOCUMENT])
    Node(LAST)


@grows("__main__.TRIE")
def trie(number):
    at = TRIE
    for letter in "%06d" % random.randrange(1000000):
        at = at.setdefault(letter, {})


@grows("__main__.REPLACED")
def replaced(number):
    global REPLACED
    REPLACED = REPLACED + [Entry(number)]


@grows("__main__.KEPT")
def weak(number):
    KEPT.append(Entry(number))
    VALUES[number] = KEPT[-1]


truth["weak values"] = "__main__.VALUES.data"


@grows("__main__.ENGINE.rows")
def attribute(number):
    ENGINE.rows.append(Entry(number))


@grows("__main__.Engine.shared")
def class_attribute(number):
    Engine.shared[number] = Entry(number)


@grows("__main__.HANDLER.kept|logging.")
def handler(number):
    logging.getLogger("growth").error("message %d", number)


@grows("__main__.cached")
@functools.lru_cache(maxsize=None)
def cached(number):
    return Entry(number)


def make_closure():
    kept = []

    def closure(number):
        kept.append(Entry(number))
    return closure


steps["closure"] = make_closure()
truth["closure"] = "local kept of make_closure"


def generate():
    pending = []
    while True:
        pending.append(Entry(len(pending)))
        yield


GENERATOR = generate()
steps["generator"] = lambda number: next(GENERATOR)
truth["generator"] = "local pending of generate"
steps["threading.local"] = lambda number: None
truth["thread's local"] = "local mine of grow"

# What does not grow.
FULL = collections.deque(maxlen=500)
LRU = collections.OrderedDict()
SAW = []
POOL = [Entry(number) for number in range(100)]
SESSIONS = {}


def hold(number):
    """What a service does all the time: bounded, sawtooth, replaced, as much out as in."""
    FULL.append(Entry(number))
    LRU[number] = Entry(number)
    if len(LRU) > 200:
        LRU.popitem(last=False)
    SAW.append(Entry(number))
    if len(SAW) > 40:
        SAW.clear()
    POOL[number % 100] = Entry(number)
    SESSIONS[number % 300] = [number] * random.randrange(20)
    if number % 7 == 0:
        SESSIONS.pop(random.randrange(300), None)


def churn():
    number = 0
    while not stop.is_set():
        number += 1
        below = Node(None)
        for _ in range(random.randrange(30)):
            Node(below)
        table = {str(i): [i] * random.randrange(30) for i in range(random.randrange(200))}
        rows = []
        for i in range(random.randrange(400)):
            rows.append((i, str(i)))
        loops = [Entry(i) for i in range(50)]
        for one in loops:
            one.me = one
        hold(number)
        del table, rows, loops


def grow():
    mine = []
    number = 0
    while not stop.wait(1 / RATE):
        number += 1
        for step in steps.values():
            step(number)
        mine.append(Entry(number))


def main():
    for number in range(1000):
        hold(number)
    threads = [threading.Thread(target=grow)]
    threads += [threading.Thread(target=churn) for _ in range(THREADS)]
    for number in range(5):
        for step in steps.values():
            step(-number)
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
