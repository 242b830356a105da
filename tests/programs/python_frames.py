# SPDX-License-Identifier: BSD-2-Clause
"""Allocates at the bottom of many kinds of call, each time a block of a size of its own by libc's
malloc and prints {size: [[name, file, line] innermost first]} as JSON: what Python itself says of
the stack there."""
import asyncio
import concurrent.futures.thread
import ctypes
import functools
import gc
import inspect
import json
import marshal
import os
import sys
import threading

if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters

without_gil, with_gil = ctypes.CDLL(None), ctypes.PyDLL(None)
kept = []
truth = {}
next_size = 70001
reused_codes = [marshal.dumps(compile("\n" * (i // 2) + "def reused_%d(): allocate()" % (i % 2) +
                                      "; a = 1" * 120, "reused.py", "exec")) for i in range(20)]


def chain(frame):
    stack = []
    while frame:
        code = frame.f_code
        stack.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return stack


def note(frame):
    global next_size
    truth[next_size] = chain(frame)
    next_size += 1


def allocate():
    without_gil.malloc(next_size), note(sys._getframe())
    with_gil.malloc(next_size), note(sys._getframe())


def recurse(depth): return recurse(depth - 1) if depth else allocate()


class Größe:
    def __init__(self): allocate()

    def method(self): return [allocate() for _ in range(1)]

    @property
    def 値(self):
        return {allocate() for _ in range(1)}, \
            {1: allocate() for _ in range(1)}

    def __del__(self): allocate()

    def __enter__(self): allocate()

    def __exit__(self, *_): allocate()


def generator(): yield allocate()


def outer_generator(): yield from generator()


async def leaf(): allocate()


async def steps():
    yield allocate()


async def branch():
    await asyncio.sleep(0)
    await leaf()
    async for _ in steps(): allocate()
    await asyncio.gather(leaf())
    await asyncio.get_running_loop().run_in_executor(None, allocate)


def callbacks():
    sorted([2], key=lambda x: allocate() or x)
    list(map(lambda x: allocate(), [1]))
    functools.reduce(lambda a, b: allocate(), [1, 2])
    ctypes.CFUNCTYPE(None)(allocate)()


def nested():
    def closure():
        allocate()
        return value
    value = 1
    return closure()


def raising():
    try:
        raise ValueError
    except ValueError:
        with Größe():
            allocate()
    finally:
        allocate()


def reuse_code():
    """Functions that are gone before the next one is made, often where it was; the same but for
    their name, or their line. They are too large for pymalloc from 3.11 on."""
    addresses = set()
    for i, code in enumerate(reused_codes):
        names = {"allocate": allocate}
        exec(marshal.loads(code), names)
        addresses.add(id(names["reused_%d" % (i % 2)].__code__))
        names["reused_%d" % (i % 2)]()
        gc.collect()
        names.clear()
    assert len(addresses) < len(reused_codes)


INSIDE = """
import ctypes, json, os, sys
library = ctypes.PyDLL(None)
kept = sys._getframe().f_code  # it is to be there when its name is read
{chain}
def inside(depth):
    if depth: return inside(depth - 1)
    library.malloc({size}), os.write({pipe}, json.dumps(chain(sys._getframe())).encode())
inside(5)
"""


def run_interpreter():
    """Another interpreter, with frames of its own."""
    global next_size
    read, write = os.pipe()
    source = INSIDE.format(chain=inspect.getsource(chain), size=next_size, pipe=write)
    if sys.version_info >= (3, 13):
        kept.append(interpreters.create("legacy"))
        interpreters.exec(kept[-1], source)
    else:
        options = {} if sys.version_info < (3, 9) else {"isolated": False}
        kept.append(interpreters.create(**options))
        interpreters.run_string(kept[-1], source)
    truth[next_size] = json.loads(os.read(read, 65536))
    next_size += 1


print("ready", flush=True)
sys.stdin.readline()
sys.setrecursionlimit(5000)
allocate()
recurse(100)
Größe().method()
Größe().値
list(outer_generator())
asyncio.run(branch())
callbacks()
nested()
raising()
sources = [compile("allocate()", "<string>", "exec"), compile("allocate()", "<eval>", "eval"),
           compile("def f():\n\n  allocate()\nf()", "dynamic.py", "exec")]
for source in sources: exec(source)
thread = threading.Thread(target=recurse, args=(3,))
thread.start()
thread.join()
recurse(500)
reuse_code()
run_interpreter()
print(json.dumps(truth), flush=True)
sys.stdin.readline()
os._exit(0)
