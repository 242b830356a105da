# SPDX-License-Identifier: BSD-2-Clause
"""Rendered pages in a cache that behaves: it has a bound, and what is in it grows stale and is
replaced, all of it within 30 s. It is full from the start."""
import collections
import sys
import time

from .truth import Held

PAGES = 2000
ROWS = 34  # of about 300 bytes: a page of 10 kB, all of them 20 MB
SECONDS = 30
ROW = "<li>page %06d row %06d " + "." * 220 + "</li>"
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
            rows.append(ROW % (number, row))
        self.pages.append((rendered_at, number, rows))
        HELD.add(sum(map(sys.getsizeof, rows)), ROWS)

    def refresh(self):
        """Renders the pages anew that are older than SECONDS."""
        now = time.monotonic()
        while self.pages[0][0] < now - SECONDS:
            _, number, rows = self.pages.popleft()
            HELD.add(-sum(map(sys.getsizeof, rows)), -ROWS)
            self.add(number, now)


cache = PageCache()
