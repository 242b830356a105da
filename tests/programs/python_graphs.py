# SPDX-License-Identifier: BSD-2-Clause
"""Holds objects in every way that people hold them, and judges the names that others give them.

Prints its truth as one line of JSON, {case: [length, name or null]}, and `ready`. Then for each
line "ADDRESS NAME" whether what the name says leads to that address: `true`, `false` with what is
there, or `unknown` where the name goes through C. `stop` makes the threads rest that allocate,
`count` answers with the process's objects by type, an empty line ends it. Arguments: the number of
threads that allocate meanwhile.
"""
import array
import asyncio
import collections
import contextvars
import dataclasses
import enum
import functools
import gc
import heapq
import itertools
import json
import logging
import queue
import re
import sys
import threading
import types
import warnings
import weakref

warnings.simplefilter("ignore")
LENGTH = 700
SECRET = "secret-key-of-a-user"
truth = {}
stop = threading.Event()
churning = threading.Event()
churning.set()


def register(case, length, name=None):
    truth[case] = [length, name]
    return length


def fill(case, name=None):
    """A list of its own length."""
    return [Entry() for _ in range(register(case, LENGTH + len(truth), name))]


class Entry:
    __slots__ = ("text", "__weakref__")

    def __init__(self):
        self.text = None


class Key:
    pass


# Containers of a module.
LIST = fill("list", "__main__.LIST")
DICT = {"%s-%d" % (SECRET, i): Entry() for i in range(register("dict", 1501, "__main__.DICT"))}
SET = {Entry() for i in range(register("set", 1502, "__main__.SET"))}
FROZEN = frozenset(Entry() for i in range(1503))
DEQUE = collections.deque(Entry() for i in range(register("deque", 1504, "__main__.DEQUE")))
ORDERED = collections.OrderedDict((i + 1000, Entry()) for i in range(
    register("OrderedDict", 1505, "__main__.ORDERED")))
DEFAULT = collections.defaultdict(Entry)
for number in range(register("defaultdict", 1506, "__main__.DEFAULT")):
    DEFAULT[number]
COUNTER = collections.Counter(range(register("Counter", 1507, "__main__.COUNTER")))
BYTES = bytearray(register("bytearray", 100008, "__main__.BYTES"))
ARRAY = array.array("d", range(register("array", 20009, "__main__.ARRAY")))
QUEUE = queue.Queue()
for number in range(register("Queue", 1510, "__main__.QUEUE.queue")):
    QUEUE.put(Entry())
SIMPLE = queue.SimpleQueue()
SIMPLE_LIST = fill("SimpleQueue")
SIMPLE.put(SIMPLE_LIST)
del SIMPLE_LIST
HEAP = []
for number in range(register("heapq", 1512, "__main__.HEAP")):
    heapq.heappush(HEAP, (number, number))
TUPLE = (fill("tuple", "__main__.TUPLE[0]"), 1)
NESTED = {SECRET: {SECRET: fill("nested", "__main__.NESTED[*][*]")}}


# Instances and classes.
class Plain:
    shared = fill("class attribute", "__main__.Plain.shared")

    class Inner:
        table = fill("nested class", "__main__.Plain.Inner.table")

    def __init__(self, rows):
        self.rows = rows

    def method(self):
        return self.rows


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, second):
        self.first = None
        self.second = second


class SlottedChild(Slotted):
    __slots__ = ("third",)


class Mixed(Slotted):
    """Slots and a dictionary."""


class Meta(type):
    registry = fill("metaclass", "__main__.Meta.registry")


class OfMeta(metaclass=Meta):
    pass


class Descriptor:
    def __init__(self):
        self.values = fill("descriptor", "__main__.Described.field.values")

    def __get__(self, instance, owner):
        raise AttributeError("not for the asking")


class Described:
    field = Descriptor()

    def __init__(self):
        self._hidden = fill("property", "__main__.DESCRIBED._hidden")

    @property
    def shown(self):
        return self._hidden


class Dicted(dict):
    pass


class Listed(list):
    pass


@dataclasses.dataclass
class Data:
    rows: list


Pair = collections.namedtuple("Pair", "left right")


class Color(enum.Enum):
    RED = fill("Enum")


class Link:
    def __init__(self, next_one):
        self.next = next_one


class Tree:
    def __init__(self, depth, rows):
        self.left = Tree(depth - 1, rows) if depth else None
        self.right = rows if not depth else None


PLAIN = Plain(fill("instance", "__main__.PLAIN.rows"))
LATE = Plain(None)
for name in "abcdefghij":
    setattr(LATE, name, name)
del LATE.rows
LATE.rows = fill("instance with a dictionary", "__main__.LATE.rows")
vars(LATE)
SLOTTED = Slotted(fill("slots", "__main__.SLOTTED.second"))
SLOTTED_CHILD = SlottedChild(None)
SLOTTED_CHILD.third = fill("slots of a child", "__main__.SLOTTED_CHILD.third")
MIXED = Mixed(None)
MIXED.rows = fill("slots and dictionary", "__main__.MIXED.rows")
DESCRIBED = Described()
DICTED = Dicted()
DICTED.rows = fill("attribute of a dict", "__main__.DICTED.rows")
LISTED = Listed()
LISTED.rows = fill("attribute of a list", "__main__.LISTED.rows")
DATA = Data(fill("dataclass", "__main__.DATA.rows"))
PAIR = Pair(fill("namedtuple"), 1)
TREE = Tree(5, fill("tree", "__main__.TREE.left.left.left.left.left.right"))
CHAIN = None
for number in range(40):
    CHAIN = Link(CHAIN if number else fill("chain"))
LONG = None
for number in range(3000):
    LONG = Link(LONG if number else fill("long chain"))
NAMESPACE = types.SimpleNamespace(rows=fill("SimpleNamespace", "__main__.NAMESPACE.rows"))
injected = types.ModuleType("injected")
injected.__dict__["rows"] = fill("module made by hand", "injected.rows")
sys.modules["injected"] = injected
del injected


# Functions.
def make_closure():
    kept = fill("closure", "local kept of make_closure")

    def closure():
        return kept
    return closure


def make_counter():
    total = fill("nonlocal", "local total of make_counter")

    def count():
        nonlocal total
        total = total
    return count


def generate():
    pending = fill("generator", "local pending of generate")
    yield 1
    yield pending


class Holder:
    def bound(self):
        return self


def with_default(rows=fill("default argument")):
    return rows


def decorated():
    pass


decorated.registry = fill("function attribute", "__main__.decorated.registry")

CLOSURE = make_closure()
NONLOCAL = make_counter()
GENERATOR = generate()
next(GENERATOR)
PARTIAL = functools.partial(len, fill("partial"))
BOUND = Plain(fill("bound method")).method
LAMBDA = (lambda rows: lambda: rows)(fill("lambda"))


@functools.lru_cache(maxsize=None)
def cached(number):
    return Entry()


for number in range(register("lru_cache", 1560, "__main__.cached")):
    cached(number)


class Cached:
    @functools.lru_cache(maxsize=100000)
    def method(self, number):
        return Entry()


CACHED = Cached()
for number in range(register("lru_cache of a method", 1561, "__main__.Cached.method")):
    CACHED.method(number)

VALUES = weakref.WeakValueDictionary()
WEAK_KEPT = [Entry() for _ in range(register("WeakValueDictionary", 1562, "__main__.VALUES.data"))]
for number, entry in enumerate(WEAK_KEPT):
    VALUES[number] = entry
KEYS = weakref.WeakKeyDictionary()
KEYS[DESCRIBED] = fill("WeakKeyDictionary", "__main__.KEYS.data[*]")
CONTEXT = contextvars.ContextVar("CONTEXT")
CONTEXT.set(fill("ContextVar"))
LOCAL = threading.local()
LOCAL.rows = fill("threading.local", "__main__.LOCAL.rows")
COUNT = itertools.chain(fill("itertools"), [1])
CYCLE = itertools.cycle([fill("itertools.cycle")])
MAPPED = map(len, [fill("map")])
REVERSED = reversed(fill("reversed"))


class KeepingHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.kept = fill("logging handler")

    def emit(self, record):
        pass


logging.getLogger("graphs.inner").addHandler(KeepingHandler())


def fail():
    doomed = fill("traceback", "local doomed of fail")
    raise ValueError(len(doomed))


try:
    fail()
except ValueError as error:
    ERROR = error


# Tasks and threads.
async def wait_forever(event):
    awaited = fill("asyncio task", "local awaited of wait_forever")
    await event.wait()
    return awaited


async def agenerate():
    streamed = fill("async generator", "local streamed of agenerate")
    yield 1
    yield streamed


async def inner():
    deep = fill("coroutine awaited", "local deep of inner")
    await asyncio.sleep(1000)
    return deep


async def outer():
    await inner()


async def prepare():
    task = loop.create_task(wait_forever(asyncio.Event()))
    awaiting = loop.create_task(outer())
    stream = agenerate()
    await stream.__anext__()
    await asyncio.sleep(0)
    return task, awaiting, stream


def thread_with_local(ready):
    mine = fill("local of a thread", "local mine of thread_with_local")
    ready.set()
    stop.wait()
    return mine


def thread_with_threading_local(ready):
    LOCAL.others = fill("threading.local of a thread", "__main__.LOCAL.others")
    ready.set()
    stop.wait()


def churn():
    while churning.is_set():
        table = {str(i): [i, {"n": i}, (i, str(i))] for i in range(500)}
        chain = None
        for i in range(200):
            chain = Link(chain)
        loops = [Plain([]) for _ in range(100)]
        for one in loops:
            one.rows.append(one)
        del table, chain, loops
        gc.collect(0)
    stop.wait()


loop = asyncio.new_event_loop()
TASKS = loop.run_until_complete(prepare())


def with_greenlet():
    try:
        import greenlet
    except ImportError:
        return None

    def run():
        green = fill("greenlet", "local green of with_greenlet.<locals>.run")
        main_one.switch()
        return green
    main_one = greenlet.getcurrent()
    one = greenlet.greenlet(run)
    one.switch()
    return one


# What judges names: every object that a name may lead to, step by step.
STEP = re.compile(r"\.?(<C(?:\+\d+)?>)|\.?([^.\[\]{}<>]+|<[^>]*>)|\[(-?\d+|\*)\]|(\{key\})")
LOCAL_NAME = re.compile(r"local (\S+) of (\S+) \(([^:]*):(\d+)\)(?:, thread \d+)?(.*)$")


@functools.lru_cache(maxsize=None)
def kept_functions():
    return [one for one in gc.get_objects()
            if isinstance(one, types.FunctionType) and one.__closure__]


@functools.lru_cache(maxsize=None)
def kept_frames():
    """Those of what waits: generators, coroutines, greenlets, tracebacks."""
    waiting = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
    if "greenlet" in sys.modules:
        waiting += (sys.modules["greenlet"].greenlet,)
    found = []
    for one in gc.get_objects():
        if isinstance(one, types.FrameType):
            found.append(one)
        if isinstance(one, waiting):
            found += [getattr(one, name, None)
                      for name in ("gi_frame", "cr_frame", "ag_frame", "gr_frame")]
    return [frame for frame in found if frame]


def frames():
    for frame in sys._current_frames().values():
        while frame:
            yield frame
            frame = frame.f_back
    yield from kept_frames()


def is_code(code, function, line):
    name = getattr(code, "co_qualname", code.co_name)
    return name == function and code.co_firstlineno == line


def variables(variable, function, line):
    """Values of a variable of a function that runs, waits, or is closed over."""
    for frame in frames():
        if is_code(frame.f_code, function, line) and variable in frame.f_locals:
            yield frame.f_locals[variable]
    for one in kept_functions():
        code = one.__code__
        name = getattr(code, "co_qualname", None)
        if variable not in code.co_freevars or code.co_firstlineno != line:
            continue
        if name is None or name == function or name.rpartition(".<locals>")[0] == function:
            cell = one.__closure__[code.co_freevars.index(variable)]
            try:
                yield cell.cell_contents
            except ValueError:
                pass


def items(one):
    if isinstance(one, dict):
        yield from list(dict.values(one))
    elif isinstance(one, (list, tuple, set, frozenset, collections.deque)):
        yield from list(one)
    else:
        yield from c_members(one)


def c_members(one):
    """What an object of C code refers to, whose members have no names for Python; that they are
    called right is what python_c_containers.py is for."""
    made_by_python = hasattr(one, "__dict__") or any("__slots__" in base.__dict__
                                                     for base in type(one).__mro__)
    return [] if made_by_python else gc.get_referents(one)


def attribute(one, name):
    found = []
    if isinstance(one, type):
        found = [one.__dict__[name]] if name in one.__dict__ else []
        if name == "__subclasses__":
            return [object.__getattribute__(one, "__subclasses__")()]
    try:
        table = object.__getattribute__(one, "__dict__")
        if not isinstance(one, type) and name in table:
            found.append(table[name])
    except Exception:
        pass
    try:
        found.append(getattr(one, name))
    except Exception:
        pass
    if isinstance(one, threading.local):  # of each thread, not of this one alone
        found += [values[name] for table in gc.get_referents(one) if isinstance(table, dict)
                  for values in table.values() if isinstance(values, dict) and name in values]
    for base in type(one).__mro__ if isinstance(one, type) else ():
        if name in base.__dict__:
            found.append(base.__dict__[name])
    return found or c_members(one)


def walk(candidates, rest):
    """The objects that the rest of a name leads to; None where it goes through C."""
    while rest:
        match = STEP.match(rest)
        if not match:
            return None
        c, name, index, key = match.groups()
        rest = rest[match.end():]
        if c:
            return None
        if key:
            candidates = [k for one in candidates if isinstance(one, dict) for k in list(one)]
        elif index == "*":
            candidates = [item for one in candidates for item in items(one)]
        elif index:
            candidates = [one[int(index)] for one in candidates
                          if isinstance(one, (list, tuple)) and int(index) < len(one)]
        else:
            candidates = [value for one in candidates for value in attribute(one, name)]
        candidates = list({id(one): one for one in candidates}.values())
        if len(candidates) > 200000:
            return None
    return candidates


def find(name):
    match = LOCAL_NAME.match(name)
    if match:
        variable, function, _, line, rest = match.groups()
        return walk(list(variables(variable, function, int(line))), rest)
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        prefix = re.split(r"[\[{]", ".".join(parts[:count]))[0]
        if prefix in sys.modules:
            return walk([sys.modules[prefix]], name[len(prefix):])
    return None


def judge(address, name):
    found = find(name)
    if found is None:
        return "unknown"
    if any(id(one) == address for one in found):
        return "true"
    there = [type(one).__name__ for one in found[:3]]
    return "false: %d: %s" % (len(found), there)


def reach_all(tracked):
    """These, and all that they refer to: what the collector need not know of, too."""
    seen = {id(one): one for one in tracked}
    waiting = list(tracked) + subclasses(object)
    while waiting:
        more = []
        for one in gc.get_referents(*waiting):
            if id(one) not in seen:
                seen[id(one)] = one
                more.append(one)
        waiting = more
    return list(seen.values())


def subclasses(kind):
    found = [kind]
    for one in type.__subclasses__(kind):
        found += subclasses(one)
    return found


def count_types(objects):
    counts = {}
    for one in objects:
        kind = type(one)
        name = kind.__qualname__ if kind.__module__ == "builtins" else \
            kind.__module__ + "." + kind.__qualname__
        counts[name] = counts.get(name, 0) + 1
    return counts


def answer():
    for line in sys.stdin:
        line = line.rstrip("\n")
        if line == "stop":
            churning.clear()
        elif line == "count":
            tracked = gc.get_objects()
            blocks = sys.getallocatedblocks()
            print(json.dumps({"tracked": count_types(tracked), "blocks": blocks,
                              "reached": count_types(reach_all(tracked))}), flush=True)
            del tracked
        elif line:
            address, name = line.split(" ", 1)
            print(judge(int(address), name), flush=True)
        else:
            return


def main():
    threads = []
    for target in (thread_with_local, thread_with_threading_local):
        ready = threading.Event()
        threads.append(threading.Thread(target=target, args=(ready,)))
        threads[-1].start()
        ready.wait()
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 0):
        threads.append(threading.Thread(target=churn))
        threads[-1].start()
    green = with_greenlet()
    gc.collect()
    print(json.dumps(truth))
    print("ready", flush=True)
    answer()
    churning.clear()
    stop.set()
    for thread in threads:
        thread.join()
    return green


main()
