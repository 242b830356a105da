# SPDX-License-Identifier: BSD-2-Clause
"""Threads that allocate all the time and check what they get. Says `ready`; on a line of input
`exec` it runs itself anew in the same process, on `fork` a child of it runs for a moment, on any
other it stops. Its last line is `good ROUNDS`, or what went wrong."""
import json
import os
import sys
import threading

THREADS = 4
stop = threading.Event()
rounds = [0] * THREADS
wrong = []


def work(number):
    words = ["%d-%d" % (number, i) for i in range(200)]
    while not stop.is_set():
        table = {word: [i, float(i), (i, word), {"n": i}] for i, word in enumerate(words)}
        again = json.loads(json.dumps(table))
        text = "".join(sorted(again))
        grown = []
        for i in range(300):
            grown.append(bytes(i % 700))
        if again[words[7]][3]["n"] != 7 or len(text) != sum(map(len, words)) or \
                sum(map(len, grown)) != sum(i % 700 for i in range(300)):
            wrong.append(number)
            break
        rounds[number] += 1


def run_child():
    pid = os.fork()
    if not pid:
        table = [{"a": [i] * 3} for i in range(10000)]
        os._exit(0 if sum(len(row["a"]) for row in table) == 30000 else 9)
    return os.waitpid(pid, 0)[1]


def main():
    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    command = sys.stdin.readline().strip()
    while command in ("fork", "count"):
        print(run_child() if command == "fork" else min(rounds), flush=True)
        command = sys.stdin.readline().strip()
    if command == "exec":
        os.execv(sys.executable, [sys.executable, *sys.argv])
    stop.set()
    for thread in threads:
        thread.join()
    print("wrong %s" % wrong if wrong or not all(rounds) else "good %d" % min(rounds), flush=True)


main()
