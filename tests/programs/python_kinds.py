# SPDX-License-Identifier: BSD-2-Clause
"""Keeps known numbers of objects of many kinds, each kind on lines of its own.

    python_kinds.py COUNT [self]

Prints `ready`; after a line of input it makes them and prints as JSON {"blocks": the difference of
sys.getallocatedblocks(), "lines": {line: [function, blocks, bytes]}}, and waits for the next line.
The lines are what tracemalloc says, in a run with `self`; what is malloc's own is added, as
tracemalloc does not see it. Free lists are used up before, and numbers made, which have one from
3.14 on: a block that an object takes over from a free list is no call of an allocator."""
import ctypes
import json
import os
import sys
import tracemalloc

COUNT = int(sys.argv[1])
WARM = 200
TUPLES_FREE = 2100
BUFFER_BYTES = 3000
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]


class Plain:
    def __init__(self, number):
        self.number = number


class Slotted:
    __slots__ = ("number", "other")

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
def buffers(i): return libc.malloc(BUFFER_BYTES)


def generate(i):
    yield i


def generators(i):
    return generate(i)


def grown(i):
    grows = []
    for j in range(i % 100):
        grows.append(j)
    return grows


def keep(function, count, out):
    for i in NUMBERS[:count]:
        out.append(function(i))


KINDS = [plain, slotted, dicts, ascii_str, latin_str, wide_str, some_bytes, tuples, generators,
         grown, buffers]
NUMBERS = list(range(1000, 1000 + max(COUNT, TUPLES_FREE)))
NAMES = [keep, Plain.__init__, Slotted.__init__, generate, *KINDS]


def name_lines():
    """{line: qualified name of the function that it belongs to}"""
    names = {}
    for function in NAMES:
        code = function.__code__
        lines = {code.co_firstlineno} if code.co_name != "keep" else set()
        table = code.co_lines() if hasattr(code, "co_lines") else old_lines(code)
        lines.update(line for _, _, line in table if line)
        name = getattr(code, "co_qualname", code.co_name)
        names.update((line, name) for line in lines)
    return names


def old_lines(code):
    import dis
    return [(None, None, line) for _, line in dis.findlinestarts(code)]


def trace_lines():
    names = name_lines()
    lines = {}
    for trace in tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, __file__)]).statistics("lineno"):
        line = trace.traceback[0].lineno
        if line in names:
            lines[line] = [names[line], trace.count, trace.size]
    own = lines.setdefault(buffers.__code__.co_firstlineno, ["buffers", 0, 0])
    own[1] += COUNT
    own[2] += COUNT * BUFFER_BYTES
    return lines


kept = []
for kind in KINDS:
    kept.append([])
    keep(kind, TUPLES_FREE if kind is tuples else WARM, kept[-1])
print("ready", flush=True)
sys.stdin.readline()
if "self" in sys.argv:
    tracemalloc.start()
before = sys.getallocatedblocks()
for kind in KINDS:
    kept.append([])
    keep(kind, COUNT, kept[-1])
truth = {"blocks": sys.getallocatedblocks() - before}
if "self" in sys.argv:
    truth["lines"] = trace_lines()
print(json.dumps(truth), flush=True)
sys.stdin.readline()
os._exit(0)
