# SPDX-License-Identifier: BSD-2-Clause
"""Registers more and more calls that are made at exit. Prints `ready`, and goes on until a line comes."""
import atexit
import sys
import threading

stop = threading.Event()


class Held:
    pass


def register():
    while not stop.wait(0.01):
        atexit.register(id, Held())


atexit.register(id, Held())
atexit.register(print, end="", file=sys.stderr)
atexit.unregister(print)
thread = threading.Thread(target=register)
thread.start()
print("ready", flush=True)
sys.stdin.readline()
stop.set()
thread.join()
