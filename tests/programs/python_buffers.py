# SPDX-License-Identifier: BSD-2-Clause
"""Containers that hold much in few objects. Prints {name: bytes} of what each holds, and `ready`;
ends with its input. With `numpy` also arrays and pandas, with `torch` tensors."""
import array
import ctypes
import json
import sys

MEGABYTE = 1 << 20
truth = {}


def hold(name, held, size):
    truth["__main__." + name] = size
    return held


libc = ctypes.CDLL(None)


def aligned(size, alignment):
    """A block of malloc's that C code has, here a number that is its address."""
    address = ctypes.c_void_p()
    assert not libc.posix_memalign(ctypes.byref(address), ctypes.c_size_t(alignment),
                                   ctypes.c_size_t(size))
    ctypes.memset(address, 1, size)
    return address


BYTES = hold("BYTES", [bytes(100000) for _ in range(40)], 40 * 100000)
ARRAYS = hold("ARRAYS", [bytearray(300000) for _ in range(10)], 10 * 300000)
NUMBERS = hold("NUMBERS", {n: array.array("d", [0]) * 10000 for n in range(30)}, 30 * 80000)
TEXTS = hold("TEXTS", {n: chr(0x20ac) * 50000 + str(n) for n in range(30)}, 30 * 100000)
VIEWS = hold("VIEWS", [memoryview(bytes(200000))[::2] for _ in range(10)], 10 * 200000)
WIDE = hold("WIDE", [(None,) * (10000 + n) for n in range(20)], 20 * 80000)
ALIGNED = hold("ALIGNED", [aligned(MEGABYTE, 64) for _ in range(4)] +
               [aligned(MEGABYTE, 4096)], 5 * MEGABYTE)
ONE = hold("ONE", bytearray(5 * MEGABYTE), 5 * MEGABYTE)


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]  # fmt: skip


def used_of_malloc():
    libc.mallinfo2.restype = Mallinfo2
    info = libc.mallinfo2()
    return info.uordblks + info.hblkhd


def hold_databases():
    """Memory of a library in C behind each of many objects, whose blocks begin with a word of its own:
    in front of what its pointers point to."""
    global DATABASES
    import sqlite3
    sqlite3.connect(":memory:").close()  # what it makes once
    before = used_of_malloc()
    DATABASES = [sqlite3.connect(":memory:") for _ in range(400)]
    for database in DATABASES:
        database.execute("select 1").fetchall()
    hold("DATABASES", DATABASES, used_of_malloc() - before)


def hold_arrays():
    global FEATURES, SLICES, FRAMES, STRIDED, OBJECTS
    import numpy
    import pandas
    FEATURES = hold("FEATURES", [numpy.zeros(50000) for _ in range(20)], 20 * 400000)
    SLICES = hold("SLICES", [numpy.ones((1000, 100))[::2, 1] for _ in range(10)], 10 * 800000)
    STRIDED = hold("STRIDED", [numpy.asfortranarray(numpy.ones((300, 200), "f4"))
                               for _ in range(10)], 10 * 240000)
    OBJECTS = hold("OBJECTS", [numpy.array([bytes(9967 + n) for _ in range(100)] + [None], "O")
                               for n in range(2)], 2 * 1000000)
    FRAMES = hold("FRAMES", {n: pandas.DataFrame(numpy.ones((10000, 5))) for n in range(10)},
                  10 * 400000)


def hold_tensors():
    global TENSORS, LARGE, SLICED, LAYERS
    import torch
    TENSORS = hold("TENSORS", [torch.zeros(50000) for _ in range(20)], 20 * 200000)
    LARGE = hold("LARGE", {n: torch.ones(1000, 1000, dtype=torch.float64) for n in range(3)},
                 3 * 8000000)
    SLICED = hold("SLICED", [torch.ones(1000, 100)[::2, 1] for _ in range(10)], 10 * 400000)
    LAYERS = hold("LAYERS", [torch.nn.Linear(500, 400) for _ in range(3)],
                  3 * 4 * (500 * 400 + 400))


if "sqlite" in sys.argv:
    hold_databases()
if "numpy" in sys.argv:
    hold_arrays()
if "torch" in sys.argv:
    hold_tensors()
print(json.dumps(truth))
print("ready", flush=True)
sys.stdin.readline()
