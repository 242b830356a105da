#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shop without a server, traced by tracemalloc from inside: for each leak the bytes that it
holds after some requests by its own count, and those of each line of the shop. As JSON."""
import gc
import json
import os
import sys
import tempfile
import tracemalloc

REQUESTS = 10
FRAMES = 10


def shop_line(trace):
    for frame in reversed(trace.traceback):
        if "/django/shop/" in frame.filename:
            return f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return ""


def bytes_by_line():
    gc.collect()
    table = {}
    for trace in tracemalloc.take_snapshot().traces:
        line = shop_line(trace)
        table[line] = table.get(line, 0) + trace.size
    return table


def measure(client, leak):
    from shop.truth import Held

    before, held = bytes_by_line(), Held.by_name[leak].bytes
    for user in range(REQUESTS):
        answer = client.get(f"/recommend/{user}/", {"leaks": leak})
        assert answer.status_code == 200
    grown = {line: size - before.get(line, 0) for line, size in bytes_by_line().items()}
    return {"held": Held.by_name[leak].bytes - held, "grown": grown}


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.environ.update(DJANGO_SETTINGS_MODULE="shop.settings", SHOP_DATA=directory)
        import django

        django.setup()
        from django.test import Client
        from shop import catalogue, pages

        pages.SECONDS = 3600  # what is replaced would have to be traced too
        catalogue.create()
        client = Client()
        client.get("/recommend/1/")
        tracemalloc.start(FRAMES)
        print(json.dumps({leak: measure(client, leak) for leak in sys.argv[1:]}))


if __name__ == "__main__":
    main()
