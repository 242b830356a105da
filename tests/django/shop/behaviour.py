# SPDX-License-Identifier: BSD-2-Clause
"""What users looked at: a cache for each user, without bound."""
import sys
import time

from .truth import Held

EVENTS = 160  # about 50 kB
HELD = Held("behaviour")
history_by_user = {}


def remember(user, leak):
    events = []
    now = time.time()
    for i in range(EVENTS):
        events.append({"user": user, "product": now + i, "page": "/product/%040d/" % i})
    if leak and not HELD.full:
        history_by_user.setdefault(user, []).extend(events)
        HELD.add(sum(map(size_of_event, events)), EVENTS * 4)


def size_of_event(event):
    return sum(map(sys.getsizeof, (event, event["product"], event["page"])))
