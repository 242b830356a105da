# SPDX-License-Identifier: BSD-2-Clause
"""Forks workers until its input ends, each of which fills a container that it has from its parent."""
import os
import select
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


def main():
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        worker = os.fork()
        if not worker:
            serve_one()
            os._exit(0)
        os.waitpid(worker, 0)


if __name__ == "__main__":
    main()
