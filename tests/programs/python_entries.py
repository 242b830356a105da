# SPDX-License-Identifier: BSD-2-Clause
"""Containers whose first entries are far larger than those that come later, and classes that are
made, for `unfreed heap`.

Prints `ready`. With the argument `adds` it then adds to STATE and to sys.modules all the time. A line
on stdin has it make so many classes, and print how many there are."""
import json
import sys
import threading
import types

ROWS = {"table": ["column"] * 20000}
STATE = {"model": [float(number) for number in range(200000)]}
CLASSES = []
stop = threading.Event()


class Base:
    pass


def add(number):
    STATE["request %d" % number] = "payload %d" % number
    ROWS["row %d" % number] = ("row %d " % number).ljust(400, "x")
    name = "plugin_%d" % number
    sys.modules[name] = types.ModuleType(name)


def keep_adding():
    number = 300
    while not stop.wait(0.01):
        add(number)
        number += 1


for first in range(300):
    add(first)
thread = threading.Thread(target=keep_adding, daemon=True)
if sys.argv[1:] == ["adds"]:
    thread.start()
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        CLASSES.append(type("Made%d" % len(CLASSES), (Base,), {}))
    print(json.dumps([len(CLASSES)]), flush=True)
stop.set()
