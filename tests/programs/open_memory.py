# SPDX-License-Identifier: BSD-2-Clause
"""Memory that is held by open files alone: it is of the cgroup, and resident nowhere here.

Argument: what grows, beside 8 MiB in one memfd that does not: memfd, deleted (files of /dev/shm), served (memfds,
beside a connection); or waiting: what lies in TCP sockets, and does not grow. Prints `ready`, and goes on until it is killed.
"""
import os
import socket
import sys
import time

KIND = sys.argv[1]
EACH = 128 << 10
KEPT = []


def connect():
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far = server.accept()[0]
    return near, far


def memfd():
    fd = os.memfd_create("kept")
    os.write(fd, bytes(EACH))
    KEPT.append(fd)


def deleted():
    path = f"/dev/shm/unfreed-open-{os.getpid()}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.unlink(path)
    os.write(fd, bytes(EACH))
    KEPT.append(fd)


def wait():
    """Nobody reads it."""
    for _ in range(40):
        near, far = connect()
        near.sendall(bytes(64 << 10))
        KEPT.append((near, far))


def main():
    large = os.memfd_create("large")
    os.write(large, bytes(8 << 20))
    if KIND == "waiting":
        wait()
    elif KIND == "served":
        KEPT.append(connect())
    step = {"memfd": memfd, "served": memfd, "deleted": deleted}.get(KIND, lambda: None)
    print("ready", flush=True)
    while True:
        step()
        time.sleep(0.05)


main()
