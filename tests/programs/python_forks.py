# SPDX-License-Identifier: BSD-2-Clause
"""Prefork: two workers at a time, twice, each of which keeps 20,000 objects and says so."""
import os
import sys


class Thing:
    __slots__ = ("text",)

    def __init__(self, number):
        self.text = str(number) * 9


kept = []


def work(count):
    for i in range(count): kept.append(Thing(100000 + i))


print("ready", flush=True)
sys.stdin.readline()
workers = []
for generation in range(2):
    ends = []
    for worker in range(2):
        wait, go_on = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(go_on)
            work(20000)
            os.read(wait, 1)
            os._exit(0)
        workers.append(pid)
        ends.append((pid, go_on))
        os.close(wait)
    for pid, go_on in ends:
        os.write(go_on, b"x")
        os.waitpid(pid, 0)
print(str(workers), flush=True)
sys.stdin.readline()
os._exit(0)
