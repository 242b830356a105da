# SPDX-License-Identifier: BSD-2-Clause
"""Rendered pages in a cache that behaves: it has a bound, and what is in it grows stale and is
replaced, all of it within 30 s. It is full from the start."""
import collections
import sys
import time

from .truth import Held

PAGES = 1000
ROWS = 22  # of about 450 bytes: a page of 10 kB, all of them 10 MB
SECONDS = 30
REPLACED = 7  # at most, by a request: after a quiet time there is no avalanche
ROW = "<li>" + "recommended " * 33
HELD = Held("pages")


class PageCache:
    def __init__(self):
        self.pages = collections.deque()
        now = time.monotonic()
        for number in range(PAGES):
            self.add(number, now - SECONDS + SECONDS * number / PAGES)

    def add(self, number, rendered_at):
        rows = []
        for row in range(ROWS):
            rows.append(ROW + str(1000 + row))
        self.pages.append((rendered_at, number, rows))
        HELD.add(ROWS * sys.getsizeof(rows[0]), ROWS)

    def refresh(self):
        """Renders pages anew that are older than SECONDS."""
        now = time.monotonic()
        for _ in range(REPLACED):
            if self.pages[0][0] > now - SECONDS:
                return
            _, number, rows = self.pages.popleft()
            HELD.add(-ROWS * sys.getsizeof(rows[0]), -ROWS)
            self.add(number, now)


cache = PageCache()
