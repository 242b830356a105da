# SPDX-License-Identifier: BSD-2-Clause
"""A WSGI application that keeps what each request to /keep leaves. Every answer is JSON: {"pid",
"blocks" and "bytes" that this worker keeps by its own count}."""
import json
import os
import sys

PER_REQUEST = 200
kept = []
EMPTY_BYTES = sys.getsizeof(kept)


def keep():
    for i in range(PER_REQUEST): kept.append(bytes(300 + i % 8))


def application(environ, start_response):
    if environ["PATH_INFO"] == "/keep":
        keep()
    truth = {"pid": os.getpid(), "blocks": len(kept),
             "bytes": sum(map(sys.getsizeof, kept)) + sys.getsizeof(kept) - EMPTY_BYTES}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(truth).encode()]
