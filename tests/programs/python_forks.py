# SPDX-License-Identifier: BSD-2-Clause
"""Prefork: two workers keep objects; one is killed, and another takes its place. Prints `ready`; after
a line of input it prints for each of the three, the killed one first, [pid, bytes that were asked for,
the same as pymalloc rounds them] as JSON, and waits for the next line."""
import json
import os
import signal
import sys

COUNT = 10000
PYMALLOC_MAX = 512


class Thing:
    __slots__ = ("text",)

    def __init__(self, number):
        self.text = str(number) * 9


kept = []
EMPTY_BYTES = sys.getsizeof(kept)


def work():
    for i in range(COUNT): kept.append(Thing(100000 + i))


def round_up(size):
    return (size + 15) // 16 * 16 if size <= PYMALLOC_MAX else size


def truth():
    sizes = [sys.getsizeof(kept) - EMPTY_BYTES]
    for thing in kept:
        sizes += [sys.getsizeof(thing), sys.getsizeof(thing.text)]
    return [os.getpid(), sum(sizes), sum(map(round_up, sizes))]


def start():
    """A worker: its process and its truth."""
    answer, tell = os.pipe()
    pid = os.fork()
    if not pid:
        work()
        os.write(tell, json.dumps(truth()).encode())
        while True:
            signal.pause()
    os.close(tell)
    return pid, json.loads(os.read(answer, 4096))


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


print("ready", flush=True)
sys.stdin.readline()
(first, a), (second, b) = start(), start()
kill(first)
third, c = start()
print(json.dumps([a, b, c]), flush=True)
sys.stdin.readline()
kill(second)
kill(third)
os._exit(0)
