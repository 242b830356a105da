# SPDX-License-Identifier: BSD-2-Clause
"""Fills and empties containers, to be watched while it does: CPython 3.8 and later.

    python_watch.py

Prints where the words are, and `ready`. Then, for each line of input, runs what the line names and
prints what it did: per word and function, `[line, growths, shrinks, replacements, net]`. `end` ends
it.
"""
import _bisect
import bisect
import collections
import json
import os
import sys
import threading
import time


class Link:
    __slots__ = ("next",)

    def __init__(self, after):
        self.next = after


class Chain:
    __slots__ = ("head",)


class Item:
    pass


DICT = {}
LIST = []
SET = set()
DEQUE = collections.deque()
CHAIN = Chain()
CHAIN.head = Link(None)
ITEMS = []
CHAINS = 24  # of threads
WORDS = {
    "dict": (id(DICT) + 16, "length"),
    "list": (id(LIST) + 16, "length"),
    "set": (id(SET) + 24, "length"),
    "deque": (id(DEQUE) + 16, "length"),
    "slot": (id(CHAIN) + 16, "slot"),
    "refcount": (id(Item), "refcount"),
}


def fill_dict(first, last):
    for key in range(first, last):
        DICT[key] = str(key)


def fill_dict_later(first, last):
    for key in range(first, last):
        DICT[key] = str(key)


def empty_dict(first, last):
    for key in range(first, last):
        del DICT[key]


def fill_list(count):
    for number in range(count):
        LIST.append(str(number))


def empty_list(count):
    for _ in range(count):
        LIST.pop()


def fill_list_sorted(count):
    for number in range(count):
        bisect.insort(LIST, number)


def fill_set(count):
    for number in range(count):
        SET.add(number)


def empty_set(count):
    for number in range(count):
        SET.discard(number)


def fill_deque(count):
    for number in range(count):
        DEQUE.append(number)


def empty_deque(count):
    for _ in range(count):
        DEQUE.popleft()


def grow_chain(count):
    for _ in range(count):
        CHAIN.head = Link(CHAIN.head)


def make_items(count):
    for _ in range(count):
        ITEMS.append(Item())


def drop_items(count):
    for _ in range(count):
        ITEMS.pop()


def churn_items(count):
    for _ in range(count):
        Item()


def in_threads(function, ranges):
    threads = [threading.Thread(target=function, args=span) for span in ranges]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def did(function, grew=0, shrank=0, replaced=0, net=None):
    """Of functions whose third line is the one that writes."""
    line = function.__code__.co_firstlineno + 2
    net = grew - shrank if net is None else net
    return {function.__name__: [line, grew, shrank, replaced, net]}


def lengths():
    fill_dict(0, 418)
    in_threads(fill_dict_later, [(1000, 1100), (2000, 2100), (3000, 3100)])
    empty_dict(7, 78)
    fill_list(500)
    empty_list(120)
    fill_set(300)
    empty_set(30)
    return {
        "dict": {**did(fill_dict, 418), **did(fill_dict_later, 300), **did(empty_dict, 0, 71)},
        "list": {**did(fill_list, 500), **did(empty_list, 0, 120)},
        "set": {**did(fill_set, 300), **did(empty_set, 0, 30)},
    }


def others():
    fill_deque(400)
    empty_deque(150)
    grow_chain(90)
    make_items(100)
    churn_items(200)
    drop_items(30)
    return {
        "deque": {**did(fill_deque, 400), **did(empty_deque, 0, 150)},
        "slot": did(grow_chain, replaced=90),
        "refcount": {**did(make_items, net=100), **did(churn_items, net=0),
                     **did(drop_items, net=-30)},
    }


def storm():
    """Threads that add a few entries each and start their successor first, until the next line
    comes."""
    stopped = []
    ended = threading.Semaphore(0)

    def link():
        if stopped:
            ended.release()
            return
        for turn in range(20):
            fill_list(1)
            time.sleep(0.002)
            if turn == 5:
                threading.Thread(target=link).start()

    for _ in range(CHAINS):
        threading.Thread(target=link).start()
    print("running", flush=True)
    sys.stdin.readline()
    stopped.append(True)
    for _ in range(CHAINS):
        ended.acquire()
    return {"length": len(LIST)}


def forked():
    """The child's list is a copy of its own."""
    fill_list(10)
    child = os.fork()
    if not child:
        fill_list(20)
        os._exit(0)
    os.waitpid(child, 0)
    return {"list": did(fill_list, 10)}


def extension():
    """A module in C adds the entries, of a file of its own in some builds."""
    fill_list_sorted(50)
    return {"list": did(fill_list_sorted, 50), "file": getattr(_bisect, "__file__", None)}


def timed():
    """Processor time of 4,000 appends."""
    start = time.process_time()
    fill_list(4000)
    return {"cpu_s": time.process_time() - start}


def run():
    """On and on, until the next line comes."""
    stopped = []
    def work():
        while not stopped:
            fill_list(100)
            empty_list(100)
    thread = threading.Thread(target=work)
    thread.start()
    print("running", flush=True)
    sys.stdin.readline()
    stopped.append(True)
    thread.join()
    return {"list": {}}


COMMANDS = {"lengths": lengths, "others": others, "storm": storm, "forked": forked, "run": run,
            "extension": extension, "timed": timed}

if __name__ == "__main__":
    print(json.dumps({"words": WORDS}), flush=True)
    print("ready", flush=True)
    for command in sys.stdin:
        if command.strip() == "end":
            break
        print(json.dumps(COMMANDS[command.strip()]()), flush=True)
