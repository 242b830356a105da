# SPDX-License-Identifier: BSD-2-Clause
"""What users looked at: a cache for each user, without bound."""
import sys

from .truth import Held

VISITS = 180  # about 100 kB
VISIT = 800  # with the list of a user
REFERRER = "/search?" + "filter=price&" * 31
HELD = Held("behaviour")
history_by_user = {}


class Visit:
    __slots__ = ("user", "product", "page")

    def __init__(self, user, product, page):
        self.user = user
        self.product = product
        self.page = page


def remember(user, leak):
    visits = []
    for number in range(10_000, 10_000 + VISITS):
        visits.append(Visit(user, number * 7, REFERRER + str(number)))
    kept = HELD.keeps(VISITS, VISIT) if leak else 0
    if kept:
        history_by_user.setdefault(user, []).extend(visits[:kept])
        HELD.add(kept * size_of_visit(visits[0]), kept * 3)


def size_of_visit(visit):
    return sum(map(sys.getsizeof, (visit, visit.product, visit.page)))
