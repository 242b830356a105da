# SPDX-License-Identifier: BSD-2-Clause
"""Streams in memory that are written to and never read. Prints `ready`, and goes on until a line comes."""
import io
import sys
import threading

stop = threading.Event()


class Log:
    def __init__(self):
        self.raw = io.BytesIO()


LOG, TEXT = Log(), io.StringIO()


def main():
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()
    number = 0
    while not stop.wait(0.005):
        LOG.raw.write(b"line %d of what is written here, and more\n" % number * 8)
        TEXT.write("line %d of what is written here" % number)
        number += 1


main()
