# SPDX-License-Identifier: BSD-2-Clause
"""Chains that get hundreds of links at a time, and one that does not.

Prints {kind: name} of the chains that grow, `ready`, and goes on until a line comes. Argument: how
many MB of other objects there are beside them.
"""
import gc
import json
import sys
import threading

FILL = [[(float(i), bytes(400)) for i in range(2000)] for _ in range(int(sys.argv[1]))]
AT_ONCE = 300
stop = threading.Event()


class Slotted:
    __slots__ = ("next",)

    def __init__(self, follower):
        self.next = follower


class Link:
    def __init__(self, follower):
        self.next = follower


class Event(Link):
    def __init__(self, follower):
        super().__init__(follower)
        self.text = "what happened, at length " * 10


class Queued(Link):
    """The newest one is the last, which only the one before and Queue know."""


class Chain:
    def __init__(self):
        self.head = None


class Queue:
    first = last = Queued(None)


class Service:
    def __init__(self):
        self.parts = {"events": [Chain()]}


HEAD = None
CHAIN, SERVICE, FIXED = Chain(), Service(), Chain()
TRUTH = {
    "variable": "__main__.HEAD.next",
    "attribute": "__main__.CHAIN.head.next",
    "entry": "__main__.SERVICE.parts[*][*].head.next",
    "queue": "__main__.Queue.first.next",
}


def push():
    global HEAD
    HEAD = Link(HEAD)
    CHAIN.head = Slotted(CHAIN.head)
    events = SERVICE.parts["events"][0]
    events.head = Event(events.head)
    Queue.last.next = Queued(None)
    Queue.last = Queue.last.next


def grow():
    while not stop.wait(0.02):
        for _ in range(AT_ONCE):
            push()


def main():
    for _ in range(AT_ONCE):
        push()
        FIXED.head = Slotted(FIXED.head)
    gc.collect()
    thread = threading.Thread(target=grow)
    thread.start()
    print(json.dumps(TRUTH))
    print("ready", flush=True)
    sys.stdin.readline()
    stop.set()
    thread.join()


if __name__ == "__main__":
    main()
