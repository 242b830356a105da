# SPDX-License-Identifier: BSD-2-Clause
"""Seven caches that behave. A function of CACHES uses one once; `fill` brings one to where it would
be in a service that has run for long."""
import collections
import functools
import random
import time

from leaks import text

BOUND = 1000
LATE_BOUND = 20_000
NAMES = 5000
MINUTE, HOUR = 60, 3600


class Entry:
    __slots__ = ("key", "value")

    def __init__(self, number):
        self.key = number
        self.value = text("value", number)


PAGES = {}


def use_bounded(number):
    PAGES[number] = Entry(number)  # fills bounded
    if len(PAGES) > BOUND:
        del PAGES[next(iter(PAGES))]


class Expiring:
    """Entries in the order of their end; each use drops those that are over."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.entries = {}

    def add(self, number, now):
        self.expire(now)
        self.entries[number] = (now + self.seconds, Entry(number))  # fills ttl_minute, ttl_hour

    def expire(self, now):
        while self.entries:
            oldest = next(iter(self.entries))
            if self.entries[oldest][0] > now:
                break
            del self.entries[oldest]


TOKENS = Expiring(MINUTE)
RATES = Expiring(HOUR)


def use_ttl_minute(number):
    TOKENS.add(number, time.monotonic())


def use_ttl_hour(number):
    RATES.add(number, time.monotonic())


IMAGES = collections.OrderedDict()


def use_lru(number):
    key = random.randrange(BOUND * 2)
    if key in IMAGES:
        IMAGES.move_to_end(key)
        return
    IMAGES[key] = Entry(number)  # fills lru
    if len(IMAGES) > BOUND:
        IMAGES.popitem(last=False)


STOCK = {}


def use_full(number):
    STOCK[number % BOUND] = Entry(number)  # fills full


FEEDS = {}


def use_warming(number):
    FEEDS[number] = Entry(number)  # fills warming
    if len(FEEDS) > LATE_BOUND:
        del FEEDS[next(iter(FEEDS))]


@functools.lru_cache(maxsize=None)
def product_name(product):
    return Entry(product + 1_000_000)  # fills lru_finite


def use_lru_finite(_number):
    product_name(random.randrange(NAMES))  # fills lru_finite


def fill_ttl_minute(rate, now):
    for number in range(int(MINUTE * rate)):
        TOKENS.add(-number - 1, now - MINUTE + number / rate)


class Cache:
    """`is_full` says whether its bound is reached; before that only time shows that it ends."""

    def __init__(self, use, *containers, is_full=lambda: True, prefill=0):
        self.use = use
        self.containers = containers
        self.is_full = is_full
        self.prefill = prefill

    def fill(self, rate):
        if self.use is use_ttl_minute:
            fill_ttl_minute(rate, time.monotonic())
        for number in range(-self.prefill, 0):
            self.use(number)


CACHES = {
    "bounded": Cache(use_bounded, "caches.PAGES", prefill=BOUND),
    "ttl_minute": Cache(use_ttl_minute, "caches.TOKENS"),
    "ttl_hour": Cache(use_ttl_hour, "caches.RATES", is_full=lambda: False),
    "lru": Cache(use_lru, "caches.IMAGES", prefill=10 * BOUND),
    "full": Cache(use_full, "caches.STOCK", prefill=BOUND),
    "warming": Cache(use_warming, "caches.FEEDS", is_full=lambda: len(FEEDS) >= LATE_BOUND),
    "lru_finite": Cache(use_lru_finite, "caches.product_name", "product_name",
                        is_full=lambda: product_name.cache_info().currsize == NAMES),
}  # fmt: skip
