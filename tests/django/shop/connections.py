# SPDX-License-Identifier: BSD-2-Clause
"""A client's connections, each in a reference cycle with its session. The finalizer, which the
garbage collector runs, puts a connection into a pool for the next caller, who opens another one
all the same."""
import sys

from .truth import Held, size

CONNECTIONS = 12
BUFFER = size(8192, 512)
CONNECTION = 740
HELD = Held("cycles")
idle = []


class Session:
    def __init__(self, connection):
        self.connection = connection


class Connection:
    def __init__(self, pooled):
        self.pooled = pooled
        self.session = Session(self)
        self.buffer = bytearray(BUFFER)

    def __del__(self):
        if self.pooled:
            idle.append(self)


def ask_prices(leak):
    kept = HELD.keeps(CONNECTIONS, CONNECTION) if leak else 0
    for number in range(CONNECTIONS):
        connection = Connection(number < kept)
        if number < kept:
            HELD.add(sys.getsizeof(connection.buffer), 2)
