# SPDX-License-Identifier: BSD-2-Clause
"""How the small programs run: `ready`, then a step each hundredth of a second; on a line of input
the truth as one line of JSON, in the form that score.py reads, and at the end of it the end."""
import json
import os
import pathlib
import re
import select
import sys
import time

from places import find_places

STEPS_A_SECOND = 100


def resident_bytes():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10


def subject(name, containers, **counts):
    """A leak or a cache of the program itself, as its truth tells it."""
    places = find_places(sys.modules["__main__"]).get(name, [])
    return {"containers": containers, "places": places, **counts}


def tell(truth, began, resident):
    print(json.dumps({"pid": os.getpid(), "uptime_s": time.monotonic() - began,
                      "resident_grown": resident_bytes() - resident,
                      "leaks": {}, "caches": {}, **truth}), flush=True)  # fmt: skip


def asked(seconds):
    """A line of input within that time, "" where it has ended, None where there is none."""
    return sys.stdin.readline() if select.select([sys.stdin], [], [], seconds)[0] else None


def run(step, truth):
    """`step(seconds since the start)` does some work; `truth()` is what the program holds."""
    began, resident, steps = time.monotonic(), resident_bytes(), 0
    print("ready", flush=True)
    while True:
        step(time.monotonic() - began)
        steps += 1
        line = asked(max(0, began + steps / STEPS_A_SECOND - time.monotonic()))
        if line == "":
            return
        if line:
            tell(truth(), began, resident)
