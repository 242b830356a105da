# SPDX-License-Identifier: BSD-2-Clause
"""Objects of each kind, and what the interpreter itself says of them, for tests/unit/test_told_objects.c:

    object ADDRESS TYPE SIZE LENGTH BOUND NAME REFERENT…    sizes without the collector's header, -1: none

    malloc ARENA MMAPPED MMAPPED_BYTES FREE                 as mallinfo2() has them; not where there is none

then `ready`. A line `grow` makes what GROWING… name longer, `drop` makes garbage of ROUND cycles, `leak`
has a thread put lists into GROWING from then on; each is answered by `ready`.
"""
import array
import collections
import ctypes
import functools
import gc
import sys
import threading
import time
import types
import weakref

ROUND = 400
PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


class Plain:
    def __init__(self, number):
        self.rows = [number, str(number) * 3]
        self.text = f"text {number}"


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self):
        self.first, self.second = ["first"], {"second": 2}


class Dict(dict):
    pass


class List(list):
    pass


class Tuple(tuple):
    pass


class Str(str):
    pass


class Node:
    pass


def outer():
    captured, other = ["captured"], {"other": [1]}

    def inner(default=("default",), *, keyword=["keyword"]):
        return captured, other, default, keyword

    return inner


def generate():
    held = ["held by a generator"]
    for item in [["one"], ["two"]]:
        yield held, item


def keep_frame():
    local = ["local of a frame"]
    return sys._getframe(), len(local)


@types.coroutine
def pause():
    yield


async def wait():
    awaited = ["held by a coroutine"]
    await pause()
    return awaited


def with_attributes(target, **attributes):
    for name, value in attributes.items():
        setattr(target, name, value)
    return target


class Meta(type):
    pass


class Derived(Plain, metaclass=Meta):
    table = {"of a class": []}


CACHED = functools.lru_cache(maxsize=64)(lambda number: [number, "cached"])
for number in range(40):
    CACHED(number)

LIST = [[number] for number in range(500)]
SHORT = [1, "two", [3]]
SHRUNK = list(range(1000))
del SHRUNK[600:]
DICT = {f"key {number}": [number] for number in range(300)}
NUMBERED = {number: str(number) * 20 for number in range(3000)}
DELETED = {number: [number] for number in range(200)}
for number in range(0, 200, 3):
    del DELETED[number]
EMPTY = {}
TUPLE = tuple([number] for number in range(200))
SET = {f"member {number}" for number in range(300)}
SMALL_SET = {1, "two"}
FROZEN = frozenset(range(900, 980))
DEQUE = collections.deque(([number] for number in range(200)), maxlen=256)
QUEUE = collections.deque([number] for number in range(1000))
for number in range(333):
    QUEUE.popleft()
ORDERED = collections.OrderedDict((number, [number]) for number in range(100))
DEFAULT = collections.defaultdict(list, {"default": ["entry"]})
COUNTER = collections.Counter("counted letters")
BYTES = b"bytes" * 400
BYTEARRAY = bytearray(b"b" * 5000)
ARRAY = array.array("q", range(1000))
TEXT = "ascii text" * 100
LATIN = "\xe9" * 1000
WIDE = "\u0416" * 1000
WIDEST = "\U0001f600" * 1000
PLAIN = Plain(7)
ALTERED = with_attributes(Plain(8), added={"added": ["later"]})
OPENED = Plain(9)
OPENED_DICT = vars(OPENED)
MANY = [Plain(number) for number in range(ROUND)]
SLOTTED = Slotted()
DERIVED = Derived(10)
SUB_DICT = with_attributes(Dict(entry=["of a dict"]), attribute=["attribute of a dict"])
SUB_LIST = with_attributes(List([["of a list"]]), attribute=["attribute of a list"])
SUB_TUPLE = with_attributes(Tuple([["of a tuple"]]), attribute=["attribute of a tuple"])
SUB_STR = with_attributes(Str("string"), attribute=["attribute of a str"])
FUNCTION = outer()
METHOD = PLAIN.__init__
PARTIAL = functools.partial(outer, ["argument"])
GENERATOR = generate()
next(GENERATOR)
FRAME = keep_frame()[0]
COROUTINE = wait()
COROUTINE.send(None)
CELL = FUNCTION.__closure__[0]
PROPERTY = property(lambda self: None, doc="of a property")
REFERENCE = weakref.ref(PLAIN)
WEAK = weakref.WeakValueDictionary({"weak": PLAIN})
ERROR = ValueError(["argument of an error"])
ITERATOR = iter([["iterated"]])
LOCAL = with_attributes(threading.local(), attribute=["of a thread"])
LOCK = threading.Lock()
GROWING = [["grows"]]
GROWING_DICT = {}
GROWING_DEQUE = collections.deque()

SIZED = (list, dict, set, frozenset, tuple, collections.deque, bytes, bytearray, str, array.array)
COUNTED = (list, dict, set, frozenset, collections.deque)
# what runs has code, names and modules beside what it holds, and a cache each of its entries
OF_FRAMES = (types.GeneratorType, types.CoroutineType, types.FrameType)


def bound_of(value):
    if isinstance(value, collections.deque) and value.maxlen is not None:
        return value.maxlen
    return value.cache_info().maxsize if value is CACHED else -1


def referents_of(value):
    """Without the class that each object has."""
    found = [one for one in gc.get_referents(value) if one is not type(value)]
    if isinstance(value, OF_FRAMES):
        return [one for one in found if isinstance(one, list)]
    return [one for one in found if value is not CACHED or isinstance(one, (dict, types.FunctionType))]


def tell(name, value):
    kind = type(value)
    size = kind.__sizeof__(value) if kind in SIZED else -1
    length = len(value) if isinstance(value, COUNTED) else -1
    print("object", id(value), f"{kind.__module__}.{kind.__qualname__}", size, length, bound_of(value), name,
          *map(id, referents_of(value)))


def tell_all():
    for name, value in sorted(globals().items()):
        if name.isupper() and name not in ("ROUND", "PR_SET_PTRACER", "ANYBODY", "SIZED", "COUNTED", "OF_FRAMES"):
            tell(name, value)


def tell_malloc():
    names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo:
        mallinfo.restype = type("Mallinfo", (ctypes.Structure,), {"_fields_": [(name, ctypes.c_size_t) for name in names]})
        now = mallinfo()
        print("malloc", now.arena, now.hblks, now.hblkhd, now.fordblks)


def leak():
    while True:
        GROWING.append([len(GROWING)] * 20)
        time.sleep(0.001)


def drop():
    for _ in range(ROUND):
        node = Node()
        node.itself = node
        node.held = ["in a cycle"]


if hasattr(ctypes.CDLL(None), "prctl"):  # who is no ancestor of ours looks at us too
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
gc.disable()
gc.collect()
tell_all()
tell_malloc()
print("ready", flush=True)
for line in sys.stdin:
    if line == "grow\n":
        for number in range(len(GROWING), len(GROWING) + ROUND):
            GROWING.append([f"grown {number}"])
            GROWING_DICT[f"grown {number}"] = [number]
            GROWING_DEQUE.append([number])
    elif line == "drop\n":
        drop()
    elif line == "leak\n":
        threading.Thread(target=leak, daemon=True).start()
    print("ready", flush=True)
