#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A service of a hundred requests a second, for `make demo`: it remembers what users did and never
forgets, keeps each request that was slow, and has a cache with a bound. Prints `ready` before the first."""
import collections
import functools
import time

RATE = 100
USERS = 5000


class Request:
    def __init__(self, number):
        self.user = number * 7919 % USERS
        self.path = f"/recommend/{self.user}/{number}"


class Monitor:
    def __init__(self):
        self.slow_requests = []

    def note(self, request, number):
        if number % 10 == 0:
            self.slow_requests.append(request)


history = collections.defaultdict(list)
monitor = Monitor()


def remember(request):
    history[request.user].append({"path": request.path, "seen_at": time.time()})


@functools.lru_cache(maxsize=1000)
def render(user):
    return f"<h1>For user {user}</h1>" + "<li>A product</li>" * 20


def serve():
    started = time.monotonic()
    number = 0
    while True:
        number += 1
        request = Request(number)
        render(request.user)
        remember(request)
        monitor.note(request, number)
        time.sleep(max(0, started + number / RATE - time.monotonic()))


if __name__ == "__main__":
    print("ready", flush=True)
    serve()
