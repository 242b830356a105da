# SPDX-License-Identifier: BSD-2-Clause
"""Containers that hold much in few objects. Prints {name: bytes} of what each holds, and `ready`;
ends with its input. With `numpy` also arrays and pandas."""
import array
import json
import sys

MEGABYTE = 1 << 20
truth = {}


def hold(name, held, size):
    truth["__main__." + name] = size
    return held


BYTES = hold("BYTES", [bytes(100000) for _ in range(40)], 40 * 100000)
ARRAYS = hold("ARRAYS", [bytearray(300000) for _ in range(10)], 10 * 300000)
NUMBERS = hold("NUMBERS", {n: array.array("d", [0]) * 10000 for n in range(30)}, 30 * 80000)
TEXTS = hold("TEXTS", {n: chr(0x20ac) * 50000 + str(n) for n in range(30)}, 30 * 100000)
VIEWS = hold("VIEWS", [memoryview(bytes(200000))[::2] for _ in range(10)], 10 * 200000)
WIDE = hold("WIDE", [(None,) * (10000 + n) for n in range(20)], 20 * 80000)
ONE = hold("ONE", bytearray(5 * MEGABYTE), 5 * MEGABYTE)


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


if "numpy" in sys.argv:
    hold_arrays()
print(json.dumps(truth))
print("ready", flush=True)
sys.stdin.readline()
