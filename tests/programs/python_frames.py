# SPDX-License-Identifier: BSD-2-Clause
"""Allocates at the bottom of many kinds of call, each time a block of a size of its own by libc's
malloc and prints {size: [[name, file, line] innermost first]} as JSON: what Python itself says of
the stack there."""
import asyncio
import ctypes
import functools
import json
import os
import sys
import threading

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
truth = {}
next_size = 70001


def note(frame):
    global next_size
    stack = []
    while frame:
        code = frame.f_code
        stack.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
        frame = frame.f_back
    truth[next_size] = stack
    next_size += 1


def allocate(): libc.malloc(next_size), note(sys._getframe())


def recurse(depth): return recurse(depth - 1) if depth else allocate()


class Größe:
    def __init__(self): allocate()

    def method(self): return [allocate() for _ in range(1)]

    def __del__(self): allocate()


def generator(): yield allocate()


async def leaf(): allocate()


async def branch():
    await asyncio.sleep(0)
    await leaf()


def callbacks():
    sorted([2], key=lambda x: allocate() or x)
    list(map(lambda x: allocate(), [1]))
    functools.reduce(lambda a, b: allocate(), [1, 2])
    ctypes.CFUNCTYPE(None)(allocate)()


print("ready", flush=True)
sys.stdin.readline()
sys.setrecursionlimit(5000)
allocate()
recurse(100)
Größe().method()
list(generator())
asyncio.run(branch())
callbacks()
sources = [compile("allocate()", "<string>", "exec"), compile("allocate()", "<eval>", "eval"),
           compile("def f():\n\n  allocate()\nf()", "dynamic.py", "exec")]
for source in sources: exec(source)
thread = threading.Thread(target=recurse, args=(3,))
thread.start()
thread.join()
recurse(400)
print(json.dumps(truth), flush=True)
sys.stdin.readline()
os._exit(0)
