# SPDX-License-Identifier: BSD-2-Clause
"""What each part of the shop holds by its own count.

Bytes are those that the objects asked for, as sys.getsizeof has them; blocks are objects, and a
part that the interpreter allocates apart from its object (the keys of a dict, the items of a list)
is one more. The containers that hold the objects are not counted: they grow by jumps, and are
small beside what they hold.
"""
import os

LIMIT_BYTES = int(os.environ.get("SHOP_LIMIT_MB", "400")) * 1_000_000
# What a leak keeps of a visit, in the long run; unset: all that the visit made, 100 kB.
BYTES_PER_VISIT = float(os.environ.get("SHOP_LEAK_BYTES", "inf"))
SLOW = BYTES_PER_VISIT != float("inf")


def size(usual, slow):
    """The size of what a visit makes: where a leak is slow, what it keeps is small."""
    return slow if SLOW else usual


class Held:
    """The account of one leak. One that is full keeps nothing more: the machine is not ours."""

    by_name = {}

    def __init__(self, name):
        self.bytes = 0
        self.blocks = 0
        self.allowance = 0
        Held.by_name[name] = self

    def add(self, count, blocks):
        self.bytes += count
        self.blocks += blocks

    def keeps(self, made, size):
        """How many this visit keeps of what it made, each with all that belongs to it of `size`
        bytes."""
        if self.full:
            return 0
        if not SLOW:
            return made
        self.allowance += BYTES_PER_VISIT
        kept = min(made, int(self.allowance // size))
        self.allowance -= kept * size
        return kept

    @property
    def full(self):
        return self.bytes >= LIMIT_BYTES


def as_dict():
    return {
        name: {"bytes": held.bytes, "blocks": held.blocks} for name, held in Held.by_name.items()
    }
