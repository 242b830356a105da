#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Greenlets that wait, each with an object of class Held in a variable: of its innermost Python
function, and of one around it. Prints "ready", their names as JSON, and ends with its input."""
import json
import sys

import gevent
import gevent.event
import gevent.monkey

NEVER = gevent.event.Event()


class Held:
    pass


def innermost():
    inner = Held()
    greenlet = gevent.getcurrent()
    greenlet.parent.switch()  # C alone is inside of this
    return inner


def around():
    outer = Held()
    NEVER.wait()  # functions of gevent's are
    return outer


def wait_in_thread():
    threaded = Held()
    NEVER.wait()
    return threaded


def name(variable, function):
    return f"local {variable} of {function.__name__} ({__file__.rpartition('/')[2]}:" \
           f"{function.__code__.co_firstlineno})"


def main():
    gevent.monkey.patch_thread()
    import threading
    greenlets = [gevent.spawn(innermost), gevent.spawn(around)]
    threads = [threading.Thread(target=wait_in_thread, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    gevent.sleep(0)
    print("ready")
    print(json.dumps({name("inner", innermost): 1, name("outer", around): 1,
                      name("threaded", wait_in_thread): len(threads)}), flush=True)
    sys.stdin.read()
    return greenlets


main()
