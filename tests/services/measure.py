#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whether the leaks are as large as they say and the caches as bounded: each alone, by tracemalloc.

Prints JSON: {"leaks": {name: {"said", "traced"}}, "caches": {name: [traced after each third]}}.
"""
import asyncio
import gc
import json
import time
import tracemalloc

import caches
import leaks

ENTRIES = 3000
WARM = 100


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def wait_collectors():
    while not leaks.INBOX.empty():
        time.sleep(0.01)
    time.sleep(0.1)


async def run_leak(fill):
    for number in range(WARM):
        fill(number, None)
    await asyncio.sleep(0.1)
    said, before = 0, traced()
    for number in range(WARM, WARM + ENTRIES):
        said += fill(number, None)
        if number % 100 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    wait_collectors()
    return {"said": said, "traced": traced() - before}


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
    tracemalloc.start()
    found = {"leaks": {}, "caches": {}}
    for name, leak in leaks.LEAKS.items():
        if not leak.once:
            found["leaks"][name] = asyncio.run(run_leak(leak.fill))
    for name, cache in caches.CACHES.items():
        if not name.startswith("ttl_"):
            found["caches"][name] = run_cache(cache)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
