# SPDX-License-Identifier: BSD-2-Clause
"""What every service does in a request, whatever its framework, and the truth that it tells.

A leak adds entries by the service's own clock: at each request those that are due since the last
one. SERVICE_LEAKS is NAME:RATE,… (entries a second), SERVICE_CACHES the same for the caches;
SERVICE_DIR holds a socket `truth.PID` for each worker, which answers any HTTP request with its
truth as JSON: for leaks and caches what is an acceptable name (`containers`) and line (`places`),
entries and bytes added so far; `eintr`: how often a thread that waits in epoll_wait was disturbed.
"""
import ctypes
import json
import os
import pathlib
import signal
import socket
import sqlite3
import sys
import threading
import time

import caches
import kinds
import leaks
from places import find_places

LEAKS = {**leaks.LEAKS, **kinds.KINDS}
CACHES = {**caches.CACHES, **kinds.MORE_CACHES}
DIRECTORY = pathlib.Path(os.environ.get("SERVICE_DIR", "."))
ROWS = 150
WAIT_MS = 10_000


def parse_rates(words):
    """{name: entries a second} of NAME:RATE,…"""
    pairs = (word.split(":") for word in words.split(",") if word)
    return {name: float(rate) for name, rate in pairs}


class Clock:
    """How many entries are due that were not yet taken."""

    def __init__(self, rate):
        self.rate = rate
        self.started = time.monotonic()
        self.taken = 0

    def due(self):
        return int((time.monotonic() - self.started) * self.rate) - self.taken


class LeakAccount:
    def __init__(self, name, rate):
        self.leak = LEAKS[name]
        self.clock = Clock(rate)
        self.bytes = 0

    def catch_up(self, request):
        due = self.clock.due()
        for _ in range(min(due, 1) if self.leak.once else due):
            self.bytes += self.leak.fill(self.clock.taken, request)
            self.clock.taken += 1

    def truth(self):
        return {"rate": self.clock.rate, "entries": self.clock.taken, "bytes": self.bytes,
                "containers": self.leak.containers, "rough": self.leak.rough}


class CacheAccount:
    def __init__(self, name, rate):
        self.cache = CACHES[name]
        self.cache.fill(rate)
        self.clock = Clock(rate)

    def catch_up(self, _request):
        for _ in range(self.clock.due()):
            self.cache.use(self.clock.taken)
            self.clock.taken += 1

    def truth(self):
        return {"rate": self.clock.rate, "uses": self.clock.taken,
                "containers": self.cache.containers, "full": self.cache.is_full()}


def start_thread(function):
    """One of the kernel's, under gevent too."""
    if "gevent" in sys.modules:
        from gevent.monkey import get_original
        get_original("_thread", "start_new_thread")(function, ())
    else:
        threading.Thread(target=function, daemon=True).start()


class Undisturbed:
    """Waits in epoll_wait, with every signal blocked: what ends a wait early is that somebody
    stopped this process."""

    def __init__(self, wait_ms=WAIT_MS):
        self.wait_ms = wait_ms
        self.eintr = 0
        self.waits = 0

    def run(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = libc.epoll_create1(0)
        events = ctypes.create_string_buffer(64)
        while True:
            self.waits += 1
            if libc.epoll_wait(descriptor, events, 1, self.wait_ms) < 0:
                self.eintr += 1


class Worker:
    """One process that serves; made at its first use, after any fork."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = 0
        self.started = time.monotonic()
        self.undisturbed = Undisturbed()
        self.leaks = {name: LeakAccount(name, rate) for name, rate in
                      parse_rates(os.environ.get("SERVICE_LEAKS", "")).items()}  # fmt: skip
        self.caches = {name: CacheAccount(name, rate) for name, rate in
                       parse_rates(os.environ.get("SERVICE_CACHES", "")).items()}  # fmt: skip

    def start(self):
        start_thread(self.undisturbed.run)
        threading.Thread(target=self.answer_truth, daemon=True).start()

    def catch_up(self, request):
        with self.lock:
            self.requests += 1
            for account in (*self.leaks.values(), *self.caches.values()):
                account.catch_up(request)

    def truth(self):
        found = {"pid": os.getpid(), "uptime_s": time.monotonic() - self.started,
                 "requests": self.requests, "eintr": self.undisturbed.eintr,
                 "waits": self.undisturbed.waits}  # fmt: skip
        for kind, accounts in (("leaks", self.leaks), ("caches", self.caches)):
            found[kind] = {name: {**account.truth(), "places": PLACES[name]}
                           for name, account in accounts.items()}
        return found

    def answer_truth(self):
        path = DIRECTORY / f"truth.{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{path}.new")
            listener.listen()
            os.rename(f"{path}.new", path)
            while True:
                client = listener.accept()[0]
                with client:
                    client.recv(65536)
                    body = json.dumps(self.truth())
                    client.sendall(f"HTTP/1.0 200 OK\r\n\r\n{body}\n".encode())


PLACES = find_places(leaks, caches, kinds)
worker = None


def start_worker():
    """To be called once in a process that serves, when it is about to."""
    global worker
    worker = Worker()
    worker.start()
    return worker


class Product:
    __slots__ = ("number", "name", "tags", "page")

    def __init__(self, number, name):
        self.number = number
        self.name = name
        self.tags = {"number": number, "name": name, "words": name.split()}
        self.page = None


local = threading.local()


def query_products(number):
    if not hasattr(local, "shop"):
        local.shop = sqlite3.connect(":memory:")
        local.shop.execute("create table product (id integer primary key, name text)")
        local.shop.executemany("insert into product values (?, ?)",
                               [(row, f"product {row} of the shop") for row in range(1000)])
    first = number * 7 % (1000 - ROWS)
    rows = local.shop.execute("select id, name from product where id >= ? limit ?", (first, ROWS))
    return [Product(*row) for row in rows]


def parse_words(products, number):
    """Strings, numbers and the exceptions of those that are none."""
    found = {}
    for product in products:
        for word in product.tags["words"]:
            try:
                found[word] = int(word) + number
            except ValueError:
                found[word] = float(len(word))
    return found


def serve(number, request, render):
    """The work of a request, some ms, almost all of whose objects are dropped; the body."""
    products = query_products(number)
    page = {"number": number, "products": [product.tags for product in products],
            "words": parse_words(products, number)}
    for product in products[:3]:
        product.page = (page, product)  # a cycle, for the collector
    again = json.loads(json.dumps(page, indent=1))
    ranked = sorted(again["products"], key=lambda tags: (tags["name"][::-1], tags["number"]))
    body = render({"number": number, "products": ranked, "words": again["words"]})
    worker.catch_up(request)
    return body
