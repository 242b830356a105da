# SPDX-License-Identifier: BSD-2-Clause
"""Garbage of known sorts, and what the collector says of itself, for `unfreed heap`.

Does what each line on stdin names, KINDS or functions of gc, and prints the truth as JSON. An
argument: so many MB of other objects there are beside that."""
import ctypes
import gc
import json
import sys
import weakref

ROUND = 1000
KEPT = []
FILL = [[(float(i), bytes(400)) for i in range(2000)]
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 0)]


class Node:
    def __init__(self):
        self.me = self
        self.payload = [1.5, 2.5]


class Slotted:
    __slots__ = ("other", "text")


class Saved:
    pass


class Held:
    """Kept by C code alone: its only reference is one that nobody accounts for."""


class Caught(Exception):
    pass


def make_cycles():
    for _ in range(ROUND):
        Node()
        left, right = Slotted(), Slotted()
        left.other, right.other = right, left
        left.text = "slotted " + str(id(left))


def raise_and_keep():
    try:
        raise Caught
    except Caught as error:
        kept = error  # a cycle: the traceback's frame has the exception
        return bool(kept)


def make_tracebacks():
    for _ in range(ROUND):
        raise_and_keep()


def make_closure():
    def recurse(number):
        return recurse(number - 1) if number else 0

    return recurse


def make_closures():
    for _ in range(ROUND):
        make_closure()


def hang():
    me = []
    me.append((yield me))


def make_generators():
    for _ in range(ROUND):
        generator = hang()
        next(generator).append(generator)


def make_classes():
    for i in range(ROUND // 10):
        made = type(f"Made{i}", (), {"__slots__": ()})
        made.instance = made()


def pin(thing):
    """C code takes a reference."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def make_held():
    for _ in range(ROUND):
        pin(Held())


def raise_and_pin():
    mine = [1.5]
    try:
        raise Caught
    except Caught as error:
        kept = error
        pin(mine)
        return bool(kept)


def make_pinned():
    """Parts of what would be garbage; what refers to them, but is not referred to, is."""
    for _ in range(ROUND // 10):
        pin(make_closure().__closure__[0])
        generator = hang()
        next(generator).append(generator)
        pin(generator)
        node = Node()
        pin(node.payload)
        weak = Node()
        weak.payload = weakref.ref(weak)
        pin(weak.payload)
        pair = Slotted()
        pair.other = Slotted()
        pair.other.other = pair
        pair.text = pair.other.text = None
        pin(pair.other)
        try:
            raise_and_fail()
        except Caught as error:
            pin(error.__traceback__.tb_next.tb_frame)
        raise_and_pin()


def raise_and_fail():
    mine = [2.5]
    raise Caught(mine)


def make_kept():
    KEPT.extend([object()] for _ in range(ROUND))


KINDS = {name[5:]: value for name, value in list(globals().items()) if name.startswith("make_")}


def state():
    return {"enabled": gc.isenabled(), "debug": gc.get_debug(), "threshold": gc.get_threshold(),
            "count": gc.get_count(), "stats": gc.get_stats(),
            "frozen": gc.get_freeze_count() if hasattr(gc, "get_freeze_count") else 0,
            "garbage": len(gc.garbage)}


def save():
    gc.set_debug(gc.DEBUG_SAVEALL)
    for _ in range(ROUND):
        saved = Saved()
        saved.me = saved
    del saved
    gc.collect()
    gc.set_debug(0)


def main():
    gc.disable()
    print("ready", flush=True)
    for line in sys.stdin:
        for word in line.split():
            act = KINDS.get(word) or (save if word == "save" else getattr(gc, word))
            act()
        print(json.dumps(state()), flush=True)


main()
