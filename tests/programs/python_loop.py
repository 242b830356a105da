# SPDX-License-Identifier: BSD-2-Clause
"""A thread that calls libc in a loop, with and without the GIL, at some depth; another that runs
Python code all the time. Prints {"thread": native id, "frames": as python_stacks.py} as JSON."""
import json
import os
import sys
import threading
import time

entered = threading.Event()
native = []
null = os.open(os.devnull, os.O_WRONLY)


def loop(depth):
    if depth:
        return list(map(loop, [depth - 1])) if depth % 7 == 0 else loop(depth - 1)
    native.append(threading.get_native_id())
    entered.set()
    while True: os.getppid(); os.write(null, b"x"); time.sleep(0.001)


def burn():
    while True:
        [str(i) for i in range(100)]


def chain(frame):
    while frame:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        yield [id(code), name, code.co_filename, frame.f_lineno]
        frame = frame.f_back


threading.stack_size(64 << 20)
sys.setrecursionlimit(10000)
thread = threading.Thread(target=loop, args=(int(sys.argv[1]),), daemon=True)
thread.start()
entered.wait()
time.sleep(0.1)
frames = list(chain(sys._current_frames()[thread.ident]))
threading.Thread(target=burn, daemon=True).start()
print(json.dumps({"thread": native[0], "frames": frames}), flush=True)
sys.stdin.readline()
os._exit(0)
