# SPDX-License-Identifier: BSD-2-Clause
"""Stacks of many shapes, and the truth about them.

Prints one line of JSON and waits for a line of input:
{"threads": {pthread id: [[address of the code object, name, file, line], …] leaf first}, "blocks": n}
"""
import asyncio
import gc
import json
import os
import sys
import threading

DEPTH = int(sys.argv[1]) if len(sys.argv) > 1 else 60
parked = threading.Semaphore(0)
forever = threading.Lock()
forever.acquire()


def chain(frame):
    frames = []
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        frames.append([id(code), name, code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return frames


def park():
    parked.release(); forever.acquire()


def recurse(depth):
    if depth:
        return recurse(depth - 1)
    park()


def generator(depth):
    if depth:
        yield from generator(depth - 1)
    park()
    yield 1


async def coroutine(depth):
    if depth:
        await coroutine(depth - 1)
    park()


async def gather():
    await asyncio.gather(coroutine(3))


class Größe:
    """Non-ASCII names of two kinds."""

    def messen(self):
        def 内部(x):
            return [park() for _ in (x,)]
        return 内部(1)

    def __del__(self):
        park()


class 数:
    @property
    def 値(self):
        return (lambda: Größe().messen())()


def callbacks():
    def key(value):
        return list(map(lambda x: park(), [value]))[0]
    return sorted([1], key=key)


def dynamic():
    exec(compile("def made():\n\n\n    park()\nmade()\n", "<made>", "exec"), {"park": park})


def evaluated():
    return eval("[\n park()\n for _ in range(1)]", {"park": park, "range": range})


def finalized():
    value = Größe()
    del value


def spread():
    value = (
        1 +
        (park()
         or 1)
        + 2
    )




























































































































    return value


def far_away():
    value = 0























































































































































































    if value == 0:
        value = max(
            value,

            park() or 0)
    return value


def many_bytes():
    a = b = c = 1
    a = a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b
    a = a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b
    a = a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b
    a = a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b + c + a + b
    try:
        raise ValueError(a)
    except ValueError:
        for _ in range(2):
            with open(os.devnull):
                park()
    finally:
        a = 0


TARGETS = [
    lambda: recurse(DEPTH),
    lambda: list(generator(5)),
    lambda: asyncio.run(gather()),
    lambda: 数().値,
    callbacks, dynamic, evaluated, finalized, spread, far_away, many_bytes,
]


def truth(frame):
    main = threading.get_ident()
    current = sys._current_frames()
    threads = {str(ident): chain(frame if ident == main else found)
               for ident, found in current.items()}
    gc.collect()
    return '{"threads": %s, "blocks": %%d}\n' % json.dumps(threads)


def report():
    line = truth(sys._getframe()); sys.stdout.write(line % sys.getallocatedblocks()); sys.stdout.flush(); sys.stdin.readline(); os._exit(0)


sys.setrecursionlimit(10000)
threading.stack_size(64 << 20)
for target in TARGETS:
    threading.Thread(target=target, daemon=True).start()
for target in TARGETS:
    parked.acquire()
report()
