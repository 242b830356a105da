# SPDX-License-Identifier: BSD-2-Clause
"""Blocks of all sizes that CPython's allocator has, and larger ones, in slots: the older one goes as the
new one comes. Prints `ready`; after a line of input it makes so many, the argument, and prints them as
JSON {"made": so many}, and waits for the next line."""
import json
import sys

SLOTS = 4099
SIZES = 700
slots = [None] * SLOTS


def churn(count):
    number = 1
    for _ in range(count):
        number = number * 16807 % 2147483647
        slots[number % SLOTS] = bytes(number % SIZES)


churn(SLOTS)
print("ready", flush=True)
sys.stdin.readline()
churn(int(sys.argv[1]))
print(json.dumps({"made": int(sys.argv[1])}), flush=True)
sys.stdin.readline()
