# SPDX-License-Identifier: BSD-2-Clause
"""Keeps known numbers of objects of many kinds, each kind on a line of its own.

Prints `ready`; after a line on stdin it makes them and prints as JSON {"blocks": the difference of
sys.getallocatedblocks(), "kinds": {function: objects}, "line": of each function's allocation,
"stacks": {name: what traceback says inside it}}, and waits for the next line."""
import ctypes
import json
import os
import sys
import traceback

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
kept = []
stacks = {}


class Plain:
    def __init__(self, number):
        self.number = number


class Slotted:
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


def plain(i): return Plain(i)
def slotted(i): return Slotted(i)
def dicts(i): return {"a": i, "b": i, "c": i}
def ascii_str(i): return "a" * 30 + str(i)
def latin_str(i): return "\xe9" * 30 + str(i)
def wide_str(i): return "\u4e00" * 30 + str(i)
def some_bytes(i): return b"x" * (i % 600 + 40)
def tuples(i): return (i, i, None, i + 1000)
def generators(i): return (x for x in (i,))
def buffers(i): return libc.malloc(3000)


def grown(i):
    grows = []
    for j in range(i % 40):
        grows.append(j)
    return grows


def deep(depth, function, i):
    if depth:
        return deep(depth - 1, function, i)
    stacks[function.__name__] = [[f.name, f.lineno] for f in traceback.extract_stack()]
    return function(i)


def keep(function, out):
    for i in range(COUNT):
        out.append(function(1000 + i))


KINDS = [plain, slotted, dicts, ascii_str, latin_str, wide_str, some_bytes, tuples, generators,
         grown, buffers]

print("ready", flush=True)
sys.stdin.readline()
before = sys.getallocatedblocks()
for kind in KINDS:
    kept.append([])
    keep(kind, kept[-1])
after = sys.getallocatedblocks()
truth = {
    "blocks": after - before,
    "kinds": {kind.__name__: COUNT for kind in KINDS},
    "line": {kind.__name__: kind.__code__.co_firstlineno for kind in KINDS},
}
print(json.dumps(truth), flush=True)
sys.stdin.readline()
os._exit(0)
