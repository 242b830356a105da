# SPDX-License-Identifier: BSD-2-Clause
"""Memory that grows without an allocator: not_malloc.py mappings|stacks, 20 of them a second."""
import mmap
import sys
import threading

import paced

A_SECOND = 20
BUFFER = b"x" * (1 << 20)
DEPTH = 200
KEPT = []
CONTAINERS = {"mappings": ["__main__.KEPT"], "stacks": ["__main__.KEPT", "threading._active"]}


def map_buffer():
    buffer = mmap.mmap(-1, len(BUFFER))
    buffer.write(BUFFER)
    KEPT.append(buffer)  # fills mappings
    return len(BUFFER)


def wait_below(depth, event):
    return wait_below(depth - 1, event) if depth else event.wait()


def start_thread():
    event = threading.Event()
    threading.Thread(target=wait_below, args=(DEPTH, event), daemon=True).start()
    KEPT.append(event)  # fills stacks
    return 0


kind = sys.argv[1]
grow = {"mappings": map_buffer, "stacks": start_thread}[kind]
grown = 0


def step(seconds):
    global grown
    while len(KEPT) < seconds * A_SECOND:
        grown += grow()


def truth():
    counts = {"entries": len(KEPT), "bytes": grown}
    return {"leaks": {kind: paced.subject(kind, CONTAINERS[kind], **counts)}}


paced.run(step, truth)
