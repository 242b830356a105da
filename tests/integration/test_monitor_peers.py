# SPDX-License-Identifier: BSD-2-Clause
"""Connections of a service as the monitor tells them, against the process that has them."""
import socket
import subprocess
import sys

from conftest import TIMEOUT, Lines
from guarded import Guarded

# Asks the port of its argument four times, listens itself and takes two; a line has it close one that it asks.
SCRIPT = """
import os, socket, sys
asked = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(4)]
server = socket.create_server(("127.0.0.1", 0))
come = [socket.create_connection(server.getsockname()) for _ in range(2)]
taken = [server.accept()[0] for _ in come]
pair = socket.socketpair()
print("ready", server.getsockname()[1], flush=True)
for line in sys.stdin:
    asked.pop().close()
"""


def connections(monitor):
    [service] = monitor.get("/api/services")["services"]
    return {(one["with"], one["port"]): (one["open"], one["closed_by_peer"])
            for one in service["connections"] or []}


def until(monitor, expected):
    monitor.until(lambda _: connections(monitor) == expected, f"not {expected}")


def test_by_whom_they_are_with(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as database:
        port = database.getsockname()[1]
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(port)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            own = int(Lines(process.stdout).until("^ready").split()[1])
            taken = [database.accept()[0] for _ in range(4)]
            others = {("tcp", own): (2, 0), ("incoming tcp", own): (2, 0), ("unix", None): (2, 0)}
            with Guarded(tmp_path, "-p", process.pid, "--budget", 0) as monitor:
                until(monitor, {("tcp", port): (4, 0), **others})
                taken[0].close()  # and it does not notice
                until(monitor, {("tcp", port): (4, 1), **others})
                of = {"with": "tcp", "port": str(port)}
                monitor.until(lambda seen: seen.one("unfreed_service_connections", **of) == 4 and seen.one(
                    "unfreed_service_connections_closed_by_peer", **of) == 1, "it is not in the metrics")
                process.stdin.write("\n")
                process.stdin.flush()
                until(monitor, {("tcp", port): (3, 1), **others})
                assert monitor.end() == 0
        finally:
            process.kill()
            process.wait(TIMEOUT)
