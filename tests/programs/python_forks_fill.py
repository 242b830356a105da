# SPDX-License-Identifier: BSD-2-Clause
"""Forks workers, each of which fills a container that it has from its parent: as many as the argument
says, which go on, or without one one after the other, of five entries each. Prints `ready`, and ends
with its input."""
import os
import select
import signal
import sys
import time

HISTORY = {}
ENTRIES = 5


def remember(number):
    HISTORY[number] = [number]


def serve_one():
    for number in range(ENTRIES):
        remember(number)
        time.sleep(0.001)


def serve():
    number, parent = 0, os.getppid()
    while os.getppid() == parent:
        number += 1
        remember(number)
        time.sleep(0.005)


def fork(act):
    worker = os.fork()
    if not worker:
        act()
        os._exit(0)
    return worker


def main():
    workers = [fork(serve) for _ in range(int(sys.argv[1]))] if sys.argv[1:] else []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 1 if workers else 0)[0]:
        if not workers:
            os.waitpid(fork(serve_one), 0)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main()
