# SPDX-License-Identifier: BSD-2-Clause
"""A cache at its bound: COUNT entries, full before anybody looks. Says `ready`; on a line of input it
takes a new value for each entry, in one go, and drops the old ones; prints as JSON what that came to,
and ends on another line.

    python_turnover.py COUNT
"""
import json
import sys

COUNT = int(sys.argv[1])
VALUE_BYTES = 100
cache = {}


def cache_fill():
    for key in cache:
        cache[key] = bytes(VALUE_BYTES)


def main():
    cache.update(dict.fromkeys(range(COUNT)))
    cache_fill()
    print("ready", flush=True)
    sys.stdin.readline()
    old = list(cache.values())
    before = sys.getallocatedblocks()
    cache_fill()
    size = sum(map(sys.getsizeof, cache.values()))
    del old
    print(json.dumps({"entries": COUNT, "bytes": size,
                      "grown_blocks": sys.getallocatedblocks() - before}), flush=True)
    sys.stdin.readline()


main()
