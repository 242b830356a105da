#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Visits a service, by default the shop, over a unix socket: so many requests a second, so long.

At 10 requests a second a worker of the shop holds about 1 MB/s more for each leak. Prints what it
did as one line of JSON, also when it is interrupted or terminated; the exit status is 1 where a
request was not answered.
"""
import argparse
import json
import signal
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

    def __init__(self, visit, rate, seconds, clients):
        self.visit, self.rate, self.seconds = visit, rate, seconds
        self.lock = threading.Lock()
        self.next = 0
        self.errors = []
        self.took = []
        self.clients = [threading.Thread(target=self.work) for _ in range(clients)]

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
        return {"requests": len(self.took), "errors": len(self.errors), "first_errors":
                self.errors[:3], "seconds": time.monotonic() - self.started,
                "median_ms": self.quantile_ms(0.5), "p99_ms": self.quantile_ms(0.99)}  # fmt: skip

    def quantile_ms(self, share):
        return 1e3 * sorted(self.took)[int(len(self.took) * share)] if self.took else None

    def take(self):
        with self.lock:
            number, self.next = self.next, self.next + 1
        return number

    def work(self):
        while True:
            number = self.take()
            due = self.started + (number / self.rate if self.rate else 0)
            now = time.monotonic()
            if max(due, now) >= self.started + self.seconds:
                return
            time.sleep(max(0, due - now))
            began = time.monotonic()
            try:
                self.visit(number)
                self.took.append(time.monotonic() - began)
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


def add_arguments(parser):
    parser.add_argument("--rate", type=bounded(0, RATE_LIMIT), default=20,
                        help="requests a second; 0: the next when one is answered")
    parser.add_argument("--seconds", type=bounded(0, SECONDS_LIMIT), default=60)
    parser.add_argument("--clients", type=int, default=4)


def interrupt(*_):
    raise KeyboardInterrupt


def run(visit, arguments):
    """Visits as the arguments say, prints what was done; the exit status."""
    signal.signal(signal.SIGTERM, interrupt)
    done = Load(visit, arguments.rate, arguments.seconds, arguments.clients).run()
    print(json.dumps(done))
    return 1 if done["errors"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket")
    add_arguments(parser)
    parser.add_argument("--leaks", help="of the shop, instead of the server's")
    parser.add_argument("--resource", default="/recommend/{user}/", metavar="PATH",
                        help="{number} in it is the request's, {user} one of the shop's")
    arguments = parser.parse_args()
    query = "" if arguments.leaks is None else f"?leaks={arguments.leaks}"

    def visit(number):
        resource = arguments.resource.format(number=number, user=number % USERS)
        get(arguments.socket, resource + query)

    return run(visit, arguments)


if __name__ == "__main__":
    sys.exit(main())
