# SPDX-License-Identifier: BSD-2-Clause
"""A client's connections, each in a reference cycle with its session. The finalizer, which the
garbage collector runs, puts a connection into a pool for the next caller, who opens another one
all the same."""
import sys

from .truth import Held

CONNECTIONS = 12  # buffers of 8 kB
BUFFER = 8192
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
    for _ in range(CONNECTIONS):
        pooled = leak and not HELD.full
        connection = Connection(pooled)
        if pooled:
            HELD.add(sys.getsizeof(connection.buffer), 2)
