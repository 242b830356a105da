# SPDX-License-Identifier: BSD-2-Clause
"""Services under one parent, half of which end and are started anew all the time, some by a signal that
they do not see coming.

    fleet.py SERVICES SECONDS SEED

SERVICES is JSON: the command of each. Every second one lives about so many SECONDS. Each gets a line of
input when it starts. Says `ready` when all are there; at each line how many were started so far; kills
all at the end of its input.
"""
import contextlib
import ctypes
import json
import random
import selectors
import signal
import subprocess
import sys
import time

COMMANDS = json.loads(sys.argv[1])
SECONDS = float(sys.argv[2])
CHANCE = random.Random(int(sys.argv[3]))


PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Service:
    def __init__(self, number, command):
        self.number, self.command, self.started = number, command, 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        self.started += 1
        life = CHANCE.uniform(0.5, 1.5) * SECONDS if self.number % 2 else float("inf")
        self.ends = time.monotonic() + life

    def end(self, number):
        self.process.send_signal(number)
        self.process.stdin.close()
        self.process.wait()

    def renew(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.command} ended by itself")
        if time.monotonic() >= self.ends:
            self.end(CHANCE.choice([signal.SIGKILL, signal.SIGTERM]))
            self.start()


def main():
    services = [Service(number, command) for number, command in enumerate(COMMANDS)]
    print("ready", flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if selector.select(0.05):
                if not sys.stdin.readline():
                    break
                print(sum(service.started for service in services), flush=True)
            for service in services:
                service.renew()
    for service in services:
        service.end(signal.SIGKILL)


main()
