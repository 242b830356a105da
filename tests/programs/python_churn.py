# SPDX-License-Identifier: BSD-2-Clause
"""Threads that keep some blocks and drop many more. Says `ready`. On a line of input each of THREADS
keeps KEPT blocks at each of some lines, among others that go: at once, in cycles, in whole arenas, by
growing. Prints as JSON {line: [blocks, bytes]} of what is kept, with the lines of what never is more than
HELD at a time. With `busy` the threads go on with the latter until another line comes; the last one ends
it.

    python_churn.py THREADS KEPT [busy]
"""
import gc
import json
import sys
import threading

THREADS, KEPT = int(sys.argv[1]), int(sys.argv[2])
BUSY = sys.argv[3:] == ["busy"]
HELD = 50
ARENAS = 20000
stop = threading.Event()
kept = []
lines = {}  # name: line
here = sys._getframe


class Point:
    __slots__ = ("x", "other")


def keep_bytes(mine):
    lines["bytes"] = here().f_lineno + 2
    for place in range(KEPT):
        mine[place] = bytes(200)


def keep_points(mine):
    lines["points"] = here().f_lineno + 2
    for place in range(KEPT, 2 * KEPT):
        mine[place] = Point()


def keep_strings(mine):
    lines["strings"] = here().f_lineno + 2
    for place in range(2 * KEPT, 3 * KEPT):
        mine[place] = "%032d" % place


def drop_at_once(mine):
    lines["dropped"] = here().f_lineno + 3
    held = [None] * HELD
    for number in range(20 * HELD):
        held[number % HELD] = bytes(number % 450)


def drop_cycles(mine):
    lines["cycles"] = here().f_lineno + 2
    for _ in range(HELD):
        point = Point()
        point.other = point
    del point
    gc.collect()


def drop_arenas(mine):
    lines["arenas"] = here().f_lineno + 1
    large = [bytes(400 + number % 2) for number in range(ARENAS)]
    del large


def swing(mine):
    """Its items move between two sizes, and are given the same addresses again."""
    lines["grow"] = here().f_lineno + 5
    lines["shrink"] = lines["grow"] + 2
    items = []
    for _ in range(HELD):
        while len(items) < 30:
            items.append(None)
        while len(items) > 2:
            items.pop()


def work():
    mine = [None] * (3 * KEPT)
    kept.append(mine)
    for part in (drop_at_once, keep_bytes, drop_arenas, keep_points, swing, keep_strings, drop_cycles,
                 drop_at_once):  # fmt: skip
        part(mine)
    done.wait()
    while BUSY and not stop.is_set():
        drop_at_once(mine)
        swing(mine)


def truth():
    count = THREADS * KEPT
    return {
        "kept": {lines["bytes"]: [count, count * sys.getsizeof(bytes(200))],
                 lines["points"]: [count, None],
                 lines["strings"]: [count, count * sys.getsizeof("0" * 32)]},
        "most": {lines["dropped"]: THREADS * (HELD + 1), lines["cycles"]: 0,
                 lines["arenas"]: 3 * THREADS, lines["grow"]: THREADS, lines["shrink"]: THREADS}}  # fmt: skip


def main():
    global done
    done = threading.Barrier(THREADS + 1)
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    done.wait()
    print(json.dumps(truth()), flush=True)
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join()


main()
