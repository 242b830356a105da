#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Visits the shop: so many requests a second, for so long, over a unix socket.

At 10 requests a second a worker holds about 1 MB/s more for each leak. Prints what it did as one
line of JSON, also when it is interrupted; the exit status is 1 where a request was not answered.
"""
import argparse
import json
import socket
import sys
import threading
import time

RATE_LIMIT = 1000
SECONDS_LIMIT = 3600
USERS = 1000


def get(path, resource, timeout=30):
    """The body of an answer; OSError where there is none, or it is no 200."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(path))
        client.sendall(f"GET {resource} HTTP/1.0\r\nHost: shop\r\n\r\n".encode())
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise OSError(f"{resource}: {head[:200]!r}")
    return body


class Load:
    """Clients that share one timetable: request number N is due at N / rate."""

    def __init__(self, path, rate, seconds, clients, leaks):
        self.path, self.rate, self.seconds = path, rate, seconds
        self.query = "" if leaks is None else f"?leaks={leaks}"
        self.lock = threading.Lock()
        self.next = 0
        self.errors = []
        self.answered = 0
        self.clients = [threading.Thread(target=self.visit) for _ in range(clients)]

    def run(self):
        self.started = time.monotonic()
        for client in self.clients:
            client.start()
        try:
            for client in self.clients:
                client.join()
        except KeyboardInterrupt:
            self.seconds = 0
            for client in self.clients:
                client.join()
        return {"requests": self.answered, "errors": len(self.errors), "first_errors":
                self.errors[:3], "seconds": time.monotonic() - self.started}  # fmt: skip

    def take(self):
        with self.lock:
            number, self.next = self.next, self.next + 1
        return number

    def visit(self):
        while True:
            number = self.take()
            due = self.started + (number / self.rate if self.rate else 0)
            now = time.monotonic()
            if max(due, now) >= self.started + self.seconds:
                return
            time.sleep(max(0, due - now))
            try:
                get(self.path, f"/recommend/{number % USERS}/{self.query}")
                with self.lock:
                    self.answered += 1
            except OSError as error:
                self.errors.append(str(error))
                time.sleep(0.1)


def bounded(least, most):
    def convert(text):
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"from {least} to {most}")
        return value
    return convert


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("--rate", type=bounded(0, RATE_LIMIT), default=20,
                        help="requests a second; 0: the next when one is answered")
    parser.add_argument("--seconds", type=bounded(0, SECONDS_LIMIT), default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--leaks", help="instead of the server's")
    arguments = parser.parse_args()
    load = Load(arguments.socket, arguments.rate, arguments.seconds, arguments.clients,
                arguments.leaks)
    done = load.run()
    print(json.dumps(done))
    return 1 if done["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
