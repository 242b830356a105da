#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whether the leaks are as large as they say and the caches as bounded: each alone, by tracemalloc,
or where memory is not Python's by what malloc says, or what is resident.

Prints JSON: {"leaks": {name: {"said", "grown"}}, "caches": {name: [bytes after each third]}}.
"""
import asyncio
import ctypes
import gc
import json
import pathlib
import re
import time
import tracemalloc

import caches
import kinds
import leaks

ENTRIES = 2000
OF_A_KIND = 300
WARM = 100


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]


LIBC = ctypes.CDLL(None)
LIBC.mallinfo2.restype = Mallinfo


def allocated():
    gc.collect()
    info = LIBC.mallinfo2()
    return info.uordblks + info.hblkhd


NOT_TRACED = {"pillow": resident, "ctypes": allocated, "mmap": resident}


def wait_collectors():
    while not leaks.INBOX.empty():
        time.sleep(0.01)
    time.sleep(0.1)


async def run_leak(fill, entries, measured=traced):
    for number in range(WARM):
        fill(number, None)
    await asyncio.sleep(0.1)
    said, before = 0, measured()
    for number in range(WARM, WARM + entries):
        said += fill(number, None)
        if number % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    wait_collectors()
    return {"said": said, "grown": measured() - before}


def run_cache(cache):
    """Two thirds more than its bound, or its keys, ask for."""
    cache.fill(20)
    found = []
    for number in range(3 * caches.LATE_BOUND):
        if number % caches.LATE_BOUND == 0:
            found.append(traced())
        cache.use(number)
    return [*found, traced()]


def main():
    kinds.library("pandas")  # before, as an import is slow while it is traced
    tracemalloc.start()
    found = {"leaks": {}, "caches": {}}
    for name, leak in leaks.LEAKS.items():
        if not leak.once:
            found["leaks"][name] = asyncio.run(run_leak(leak.fill, ENTRIES))
    for name, leak in kinds.KINDS.items():
        if not leak.rough:
            measured = NOT_TRACED.get(name, traced)
            found["leaks"][name] = asyncio.run(run_leak(leak.fill, OF_A_KIND, measured))
    for name, cache in caches.CACHES.items():
        if not name.startswith("ttl_"):
            found["caches"][name] = run_cache(cache)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
