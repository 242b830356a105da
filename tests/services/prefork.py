# SPDX-License-Identifier: BSD-2-Clause
"""A master that has made 100 MB of objects, and a worker that shares them and waits. Says `ready`;
answers a line of input with {"pid" of the worker, "eintr"} as the worker tells it."""
import gc
import json
import os
import socket
import sys

from service import Undisturbed, start_thread

SHARED_BYTES = 100_000_000
SIZE = 400
FOR_EVER = -1


def serve(master):
    """The worker: all that it does is to answer."""
    undisturbed = Undisturbed(FOR_EVER)
    start_thread(undisturbed.run)
    while master.recv(1):
        told = {"pid": os.getpid(), "eintr": undisturbed.eintr}
        master.sendall(json.dumps(told).encode())
    os._exit(0)


def ask(worker):
    worker.sendall(b"?")
    return worker.recv(4096).decode()


def main():
    shared = [bytes([number % 256]) * SIZE for number in range(SHARED_BYTES // SIZE)]
    gc.freeze()
    master, worker = socket.socketpair()
    if not os.fork():
        master.close()
        serve(worker)
    worker.close()
    ask(master)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(ask(master), flush=True)
    return len(shared) == 0


if __name__ == "__main__":
    sys.exit(main())
