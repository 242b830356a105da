# SPDX-License-Identifier: BSD-2-Clause
"""A master whose workers are replaced, as gunicorn's are after so many requests. Takes how many, and a
name for all of them; says `ready`. A line of input has it replace all workers, and say `{"workers"}`,
their numbers. With `leak` workers forget nothing."""
import json
import os
import signal
import sys
import time

FORGOTTEN = []


def set_name(name):
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(name)


def leak():
    while True:
        FORGOTTEN.append(bytes(2000))
        time.sleep(0.005)


def start(name):
    pid = os.fork()
    if not pid:
        set_name(f"{name}: worker")
        if "leak" in sys.argv[3:]:
            leak()
        signal.pause()
        os._exit(0)
    return pid


def main():
    count, name = int(sys.argv[1]), sys.argv[2]
    set_name(name)
    workers = [start(name) for _ in range(count)]
    print("ready", flush=True)
    for _ in sys.stdin:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        workers = [start(name) for _ in range(count)]
        print(json.dumps({"workers": workers}), flush=True)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
