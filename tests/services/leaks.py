# SPDX-License-Identifier: BSD-2-Clause
"""Ten leaks, as services have them.

A function of LEAKS adds one entry of some hundred bytes and returns how many bytes that are by
sys.getsizeof: of the entry and of what only the entry holds, not of the container. A comment
`fills NAME` marks the lines of which any is the right answer for "which line fills it";
`containers` of a leak are the names of which any is the right answer for "what grows".
"""
import asyncio
import collections
import functools
import itertools
import logging
import queue
import random
import sqlite3
import sys
import threading

USERS = 500
COLLECTORS = 4


def size_of(*objects):
    """Bytes of objects and of what is in them, without the keys of dicts, which are shared."""
    total, waiting, seen = 0, list(objects), set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or one is None or isinstance(one, (bool, type)):
            continue
        seen.add(id(one))
        if one in ("", b"", ()) or isinstance(one, int) and -6 < one < 257:
            continue
        total += sys.getsizeof(one)
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple, set)):
            waiting.extend(one)
        else:
            waiting.extend(getattr(one, name, None) for name in getattr(one, "__slots__", ()))
    return total


def text(what, number, length=180):
    return f"{what} {number} ".ljust(length, "abcdefghij"[number % 10])


USER_CACHE = {}


def remember_user(number, _request):
    profile = {"name": text("user", number), "mail": f"user-{number}@example", "visits": [number]}
    USER_CACHE[number] = profile  # fills user_cache
    return size_of(number, profile)


class KeepingHandler(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.format(record)
        self.records.append(record)  # fills logger


AUDIT = logging.getLogger("services.audit")
AUDIT.propagate = False
AUDIT.setLevel("INFO")
AUDIT.addHandler(KeepingHandler())
# What logging makes for each record; the names of paths, levels and threads are shared.
OF_A_RECORD = ("args", "created", "filename", "module", "msecs", "relativeCreated", "message",
               "thread", "process")


def audit(number, _request):
    AUDIT.info("user %d bought %s", number, text("thing", number))  # fills logger
    record = AUDIT.handlers[0].records[-1]
    fields = record.__dict__
    return size_of(record, *map(fields.get, OF_A_RECORD)) + sys.getsizeof(fields)


SESSIONS = {}


def open_session(number, _request):
    token = f"session-{number:032x}"
    session = {"user": number, "cart": [number * 3], "page": text("/shop/", number)}
    SESSIONS[token] = session  # fills sessions
    return size_of(token, session)


class Row:
    __slots__ = ("user", "features", "label")

    def __init__(self, number):
        self.user = f"user-{number}"
        self.features = [number * 0.5, number * 0.25, number * 0.125, number * 0.0625]
        self.label = text("bought", number, 100)


class Model:
    def __init__(self):
        self.rows = []

    def train(self, number):
        self.rows.append(Row(number))  # fills engine


class Engine:
    def __init__(self):
        self.model = Model()


ENGINE = Engine()


def train_engine(number, _request):
    ENGINE.model.train(number)
    return size_of(ENGINE.model.rows[-1])


class Account:
    __slots__ = ("number", "terms")

    def __init__(self, number):
        self.number = number
        self.terms = text("terms", number)

    @functools.lru_cache(maxsize=None)
    def price(self, product):
        return [self.number * 0.01, product * 0.1, self.number * 0.001]  # fills lru_method


def quote_price(number, _request):
    account = Account(number)
    price = account.price(number + 1000)  # fills lru_method
    return size_of(account, number, number + 1000, price) + sys.getsizeof((account, number))


RESULTS = {}
local = threading.local()


def find_products(number):
    if not hasattr(local, "shop"):
        # statements that are kept are C memory, which would grow too until there are 128 a thread
        local.shop = sqlite3.connect(":memory:", cached_statements=0)
        local.shop.execute("create table product (id integer, name text)")
        local.shop.executemany("insert into product values (?, ?)",
                               [(row, text("product", row, 60)) for row in range(1000, 2000)])
    first = f"1000 + {number} % 990"
    query = f"select id, name from product where id between {first} and {first} + 3"
    return query, local.shop.execute(query).fetchall()


def search_products(number, _request):
    query, products = find_products(number)
    RESULTS[query] = products  # fills querysets
    return size_of(query, products)


KEPT = collections.deque()


def keep_request(number, request):
    KEPT.append(request)  # fills requests
    return BYTES_OF_A_REQUEST[type(request).__module__.partition(".")[0]]


# A framework's request is a web of objects, some of which outlive it anyway: measured by what a
# service that does nothing but keep them grows by.
BYTES_OF_A_REQUEST = {
    "django": 3500, "flask": 3250, "starlette": 8600, "aiohttp": 5600, "celery": 5650,
}  # fmt: skip

CLOSING = None  # an event that nothing sets


async def hold_stream(number):
    pending = text("stream", number)
    await CLOSING.wait()  # fills tasks
    return pending


def open_stream(number, _request):
    global CLOSING
    CLOSING = CLOSING or asyncio.Event()
    task = asyncio.get_running_loop().create_task(hold_stream(number))  # fills tasks
    return size_of(task, text("stream", number)) + BYTES_OF_A_STREAM


BYTES_OF_A_STREAM = 1000  # coroutine, frame, future, name, callbacks: by tracemalloc

INBOX = queue.SimpleQueue()


def collect_lines():
    seen = []
    while True:
        number = INBOX.get()
        seen.append([number, text("line", number, 200)])  # fills threads


def send_line(number, _request):
    if not number:
        for _ in range(COLLECTORS):
            threading.Thread(target=collect_lines, daemon=True).start()
    INBOX.put(number)
    return size_of([number, text("line", number, 200)])


HISTORY = {user: [] for user in range(USERS)}


class Visit:
    __slots__ = ("number", "page", "seconds")

    def __init__(self, number):
        self.number = number
        self.page = text("/product/", number)
        self.seconds = number * 0.1


def remember_visit(number, _request):
    visits = HISTORY[random.randrange(USERS)]
    visits.append(Visit(number))  # fills per_user
    return size_of(visits[-1])


class Node:
    __slots__ = ("value", "next")

    def __init__(self, value, behind):
        self.value = value
        self.next = behind


class Chain:
    def __init__(self):
        self.head = None

    def push(self, value):
        self.head = Node(value, self.head)  # fills chain


CHAIN = Chain()


def link_event(number, _request):
    CHAIN.push(text("event", number, 250))
    return size_of(CHAIN.head.value) + sys.getsizeof(CHAIN.head)


class Leak:
    """`fill` adds an entry; `once` where a request can be kept only by itself."""

    def __init__(self, fill, *containers, once=False, rough=False):
        self.fill = fill
        self.containers = containers
        self.once = once
        self.rough = rough
        self.numbers = itertools.count()


LEAKS = {
    "user_cache": Leak(remember_user, "leaks.USER_CACHE"),
    "logger": Leak(audit, "leaks.AUDIT", "KeepingHandler.records"),
    "sessions": Leak(open_session, "leaks.SESSIONS"),
    "engine": Leak(train_engine, "leaks.ENGINE.model.rows", "leaks.ENGINE", "Model.rows"),
    "lru_method": Leak(quote_price, "leaks.Account.price", "Account.price", "price"),
    "querysets": Leak(search_products, "leaks.RESULTS"),
    "requests": Leak(keep_request, "leaks.KEPT", once=True, rough=True),
    "tasks": Leak(open_stream, "leaks.CLOSING._waiters", "asyncio.tasks._all_tasks",
                  "_asyncio._all_tasks", rough=True),
    "threads": Leak(send_line, "collect_lines"),
    "per_user": Leak(remember_visit, "leaks.HISTORY"),
    "chain": Leak(link_event, "leaks.CHAIN"),
}
