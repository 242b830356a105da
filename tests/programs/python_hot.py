# SPDX-License-Identifier: BSD-2-Clause
"""Makes and drops objects as fast as it can: small ones, which pymalloc serves, or large ones, which
malloc does (`python_hot.py small|large`). Says `ready` first."""
import sys


class Point:
    def __init__(self, x):
        self.x = x
        self.pair = (x, x)


def make_small():
    return [Point(i + 1000) for i in range(20)]


def make_large():
    return [bytes(1000 + i) for i in range(20)]


def main():
    make = {"small": make_small, "large": make_large}[sys.argv[1]]
    print("ready", flush=True)
    while True:
        make()


main()
