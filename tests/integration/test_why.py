# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed why` on processes that come and go, collect, replace and do nothing: what it must not
say, and what it must not miss."""
import json
import subprocess
import textwrap

from conftest import UNFREED

PYTHON = "/usr/bin/python3"


class Script:
    """A Python program that says `ready`, and whose PID is asked about."""

    def __init__(self, text, *wrap):
        self.process = subprocess.Popen([*wrap, PYTHON, "-c", textwrap.dedent(text)],
                                        stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ask(pid, directory, seconds=8, *options):
    run = subprocess.run([UNFREED, "why", "-p", str(pid), "-d", str(seconds), "-o", "why.json",
                          "-o", "-", *options], cwd=directory, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    print(run.stdout)
    return json.loads((directory / "why.json").read_text()), run.stdout


def names(answer):
    return [(finding["container"] or {}).get("name") for finding in answer["findings"]]


POOL = """
    import multiprocessing, os, time
    results, cache = [], {}
    def work(i):
        cache[i] = "v%d" % i * 10
        return i
    pool = multiprocessing.Pool(2, maxtasksperchild=MAXTASKS)
    pool.apply(work, (0,))
    print("ready", flush=True)
    i = 0
    while True:
        pool.apply_async(work, (i,), callback=results.append)
        i += 1
        time.sleep(0.004)
"""


def test_a_master_that_collects_is_asked_too(tmp_path):
    with Script(POOL.replace("MAXTASKS", "None")) as pool:
        answer, text = ask(pool.pid, tmp_path)
    assert {"__main__.results", "__main__.cache"} <= set(names(answer))
    assert answer["processes"] == 2 and f"python3 {pool.pid} + 2 workers" in text


def test_workers_that_end_do_not_end_the_watches(tmp_path):
    with Script(POOL.replace("MAXTASKS", "300")) as pool:
        answer, text = ask(pool.pid, tmp_path, 10)
    assert answer["processes"] <= 3  # those that are there, not all that were
    assert answer["resident_bytes"] < 100e6
    assert answer["lacks"] is None, text
    assert any(finding["watched_s"] for finding in answer["findings"]), text


REPLACED = """
    import time
    class Handle:
        def __init__(self, n):
            self.args = [n] * 100
    class Loop: pass
    loop = Loop()
    loop.scheduled = []
    kept = {}
    print("ready", flush=True)
    n = 0
    while True:
        loop.scheduled.append(Handle(n))
        kept[n] = [n]
        if len(loop.scheduled) >= 100:  # as asyncio does with its cancelled timers
            loop.scheduled = loop.scheduled[60:]
        n += 1
        time.sleep(0.015)
"""


def test_a_list_that_is_replaced_is_no_leak(tmp_path):
    with Script(REPLACED) as program:
        answer, text = ask(program.pid, tmp_path)
    found = dict(zip(names(answer), (finding["verdict"] for finding in answer["findings"])))
    assert found.get("__main__.loop.scheduled", "churn") in ("churn", "sawtooth"), text
    assert found["__main__.kept"] == "grows, no bound seen"
