# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a process with several interpreters: what grows in one is named with it."""
import json
import subprocess
import threading

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import choose, find_pythons


def feed(target, stop):
    while not stop.wait(0.1):
        target.stdin.write("7\n")
        target.stdin.flush()
        target.lines.next("done")


@pytest.mark.parametrize("room", ["512", "16"])
@pytest.mark.parametrize("python", choose(find_pythons(), 9, 11, 12, 13, 14))
def test_names_of_an_inner_interpreter(python, room, tmp_path):
    target = python.start("python_interpreters.py")
    target.lines.until("^ready$")
    stop = threading.Event()
    thread = threading.Thread(target=feed, args=(target, stop))
    thread.start()
    path = tmp_path / "look.json"
    try:
        subprocess.run([UNFREED, "heap", "-q", "-p", str(target.pid), "-o", path, "-i", "0.3",
                        "--looks", "3", "--max-memory", room], check=True, timeout=TIMEOUT)
    finally:
        stop.set()
        thread.join()
        target.kill()
        target.wait()
    grown = {row["name"] for row in json.loads(path.read_text())["growth"]["containers"]}
    assert grown == {"interpreter 1: __main__.SUB", "__main__.KEEP"}
