# SPDX-License-Identifier: BSD-2-Clause
"""deploy/recycle-gunicorn at work for a monitor: workers near a memory limit are replaced, nobody who asks
notices, and what they were filled with is kept."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading

import pytest

from cgroups import memory_group
from conftest import ROOT, TIMEOUT, UNFREED, Lines, eventually
from monitors import Monitor
from servers import children

PYTHON = "/usr/bin/python3"
APPLICATION = """
HELD = []

def application(environment, start_response):
    HELD.append(bytearray(1 << 20))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

pytestmark = pytest.mark.skipif(subprocess.run([PYTHON, "-c", "import gunicorn"], check=False,
                                               capture_output=True).returncode != 0,
                                reason="no gunicorn (Debian: python3-gunicorn)")


class Shop:
    """Two workers in a cgroup, and somebody who asks all the time."""

    def __init__(self, directory, group):
        self.socket = directory / "socket"
        (directory / "shop.py").write_text(APPLICATION)
        self.process = subprocess.Popen(
            [PYTHON, "-m", "gunicorn", "--workers", "2", "--bind", f"unix:{self.socket}", "--worker-tmp-dir",
             str(directory), "shop:application"],
            cwd=directory, stderr=subprocess.PIPE, text=True, preexec_fn=group.enter)
        self.lines = Lines(self.process.stderr)
        for _ in range(2):
            self.lines.until("Booting worker")
        self.asked, self.failed, self.ended = 0, [], threading.Event()

    def workers(self):
        return set(children(self.process.pid))

    def ask(self):
        try:
            connection = http.client.HTTPConnection("shop", timeout=TIMEOUT)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(TIMEOUT)
            connection.sock.connect(str(self.socket))
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            connection.close()
            self.asked += 1
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(repr(error))

    def ask_until(self, condition, what):
        def look():
            self.ask()
            return condition()

        eventually(look, what)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(TIMEOUT)


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("RECYCLE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("UNFREED", str(UNFREED))
    return tmp_path / "state"


@pytest.fixture
def hook(tmp_path):
    path = tmp_path / "recycle-gunicorn"
    shutil.copy(ROOT / "deploy/recycle-gunicorn", path)
    path.chmod(0o700)
    return path


def evidence(state):
    return [json.loads(path.read_text()) for path in state.glob("heap-*.json")]


def test_workers_near_a_limit_are_replaced(tmp_path, hook, state):
    with memory_group(160) as group, Shop(tmp_path, group) as shop:
        before = shop.workers()
        with Monitor("-p", shop.process.pid, "--exec", hook) as monitor:
            shop.ask_until(lambda: not before & shop.workers(), "they are not replaced")
            shop.ask_until(lambda: len(shop.workers()) == 2, "none came in their place")
            monitor.stderr.until("recycle-gunicorn: worker .* has been replaced")
            assert monitor.end() == 0
        assert shop.failed == [] and shop.asked > 20 and shop.process.poll() is None
        [seen] = evidence(state)
        assert seen["target"]["pid"] in before
        [held] = [one for one in seen["containers"] if one["name"] == "shop.HELD"]
        assert held["length"] > 10 and held["bytes"] > 10 << 20


def alert(pids, **others):
    return json.dumps({"schema": "unfreed/alert/1", "kind": "limit", "change": "new", "cgroup": "/x",
                       "pids": pids, **others}, separators=(",", ":"))


def run(hook, text):
    return subprocess.run([hook], input=text, capture_output=True, text=True, timeout=TIMEOUT, check=True).stderr


def test_it_is_not_done_again_at_once(tmp_path, hook, state):
    with memory_group(400) as group, Shop(tmp_path, group) as shop:
        first = shop.workers()
        assert "has been replaced" in run(hook, alert([shop.process.pid, *first]))
        eventually(lambda: len(shop.workers() - first) == 2, "none came in their place")
        second = shop.workers()
        assert "not again within 900 s" in run(hook, alert([shop.process.pid, *second]))
        assert shop.workers() == second and len(evidence(state)) == 1


def test_nothing_else_is_touched(tmp_path, hook, state):
    """Other alerts, other processes, and names that look like what it reads."""
    with memory_group(400) as group, Shop(tmp_path, group) as shop:
        pids = [shop.process.pid, *shop.workers()]
        sleeper = subprocess.Popen(["sleep", "1000"])
        try:
            for text in (alert(pids, kind="finding"), alert(pids, change="over"), alert([sleeper.pid]), alert([]),
                         alert([], cgroup=f'"kind":"limit","pids":[{pids[1]}]'), "", "no JSON"):
                assert run(hook, text) == ""
            assert set(pids[1:]) == shop.workers() and sleeper.poll() is None
            assert os.listdir(state) == [] if state.exists() else True
        finally:
            sleeper.kill()
            sleeper.wait(TIMEOUT)
