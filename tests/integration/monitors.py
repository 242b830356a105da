# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed monitor` at work, and what its page says."""
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from cgroups import memory_group
from conftest import ROOT, TIMEOUT, UNFREED, Lines, eventually


@pytest.fixture
def service():
    """One that forgets nothing."""
    process = subprocess.Popen([sys.executable, str(ROOT / "tests/programs/demo_service.py")],
                               stdout=subprocess.PIPE, text=True)
    Lines(process.stdout).until("^ready$")
    yield process
    process.kill()
    process.wait(TIMEOUT)


class Metrics:
    """Samples by name, each with its labels."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            found = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
            if not line.startswith("#"):
                labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or "")
                self.samples.append((found[1], dict(labels), float(found[3])))

    def all(self, name, /, **labels):
        return [(of, value) for sample, of, value in self.samples
                if sample == name and labels.items() <= of.items()]

    def one(self, name, /, **labels):
        [(_, value)] = self.all(name, **labels)
        return value

    def get(self, name, /, **labels):
        """The same; None where there is none."""
        found = self.all(name, **labels)
        return found[0][1] if found else None


class Monitor:
    """Reads all processes ten times a second, unless told otherwise; `before` is a command that starts it."""

    def __init__(self, *args, before=(), program=UNFREED):
        self.process = subprocess.Popen(
            [*before, str(program), "monitor", "--listen", "127.0.0.1:0", "-i", "0.1", *map(str, args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.stderr = Lines(self.process.stderr)
        self.port = int(re.search(r":(\d+)/metrics$", self.stderr.until(r"metrics at http://"))[1])

    def ask(self, method="GET", path="/metrics", **headers):
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        status, _, text = self.ask()
        assert status == 200
        return Metrics(text)

    def until(self, condition, what):
        """The metrics of which it is so."""
        seen = []

        def look():
            seen[:] = [self.metrics()]
            return condition(seen[0])

        eventually(look, what)
        return seen[0]

    def until_round(self):
        """Until all were read once more, by whoever was there since."""
        rounds = self.metrics().one("unfreed_self_rounds_total")
        return self.until(lambda metrics: metrics.one("unfreed_self_rounds_total") >= rounds + 2,
                          "no other round")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)


class Master:
    """python_replaced.py; with its workers it is gone at the end."""

    def __init__(self, count, name, *args):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/programs/python_replaced.py"), str(count), name,
             *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        self.lines.until("^ready$")

    def replace(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.lines.until("^{"))["workers"]

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


# At each line it takes most of what it may, and gives it back at the next.
TAKES_AND_GIVES_BACK = """
import sys
print("ready", flush=True)
while sys.stdin.readline():
    data = b"x" * (54 << 20)
    sys.stdin.readline()
    del data
"""


class Alarm:
    """A monitor of a process that comes near to its limit whenever it is to."""

    def __init__(self, process, monitor):
        self.process, self.monitor = process, monitor

    def change(self, told):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.monitor.stderr.until(told)

    def ring(self):
        self.change("its memory limit is used$")

    def end(self):
        self.change("no more near its memory limit")

    def dropped(self):
        return self.monitor.metrics().one("unfreed_self_alerts_dropped_total")


@contextlib.contextmanager
def near_limit(*args):
    """One that nobody asks why."""
    with memory_group(64) as group:
        process = subprocess.Popen([sys.executable, "-c", TAKES_AND_GIVES_BACK], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Monitor("-p", process.pid, "--budget", 0, *args) as monitor:
                yield Alarm(process, monitor)
        finally:
            process.kill()
            process.wait(TIMEOUT)
