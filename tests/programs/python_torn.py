# SPDX-License-Identifier: BSD-2-Clause
"""A list that gets longer below what is replaced all the time, as a frame of pandas is, while leftovers of
C code and of an evaluation stack lead to it too.

Prints the list's name, `ready`, and goes on until a line comes. Arguments: replacements a second,
entries a second.
"""
import ctypes
import json
import random
import sys
import threading
import time

RATE, ENTRIES = float(sys.argv[1]), float(sys.argv[2])
stop = threading.Event()


class References:
    def __init__(self):
        self.blocks = []


class Index:
    def __init__(self):
        self.references = References()


class Manager:
    def __init__(self, index):
        self.axes = [index]


class Frame:
    def __init__(self, index):
        self.manager = Manager(index)
        self.data = "-" * random.randrange(400)


def begin():
    """Of a hook that is called at a terminal alone."""
    frame = Frame(Index())
    hook = ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook")
    hook.value = id(frame.manager.axes[0].references)
    return frame


FRAME = begin()


def churn():
    while not stop.is_set():
        table = {str(i): [i, str(i) * random.randrange(9)] for i in range(random.randrange(200))}
        json.loads(json.dumps(table))


def replace():
    global FRAME
    FRAME = Frame(FRAME.manager.axes[0])


def main():
    threading.Thread(target=churn).start()
    print(json.dumps("__main__.FRAME.manager.axes[*].references.blocks"))
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()
    start, replaced, entries = time.monotonic(), 0, 0
    while not stop.wait(0.001):
        while replaced < (time.monotonic() - start) * RATE:
            replace()
            replaced += 1
        while entries < (time.monotonic() - start) * ENTRIES:
            FRAME.manager.axes[0].references.blocks.append("entry %d" % entries)
            entries += 1


main()
