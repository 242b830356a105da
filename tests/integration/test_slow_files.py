# SPDX-License-Identifier: BSD-2-Clause
"""While a file is read that takes its time, nothing that the programs send is lost.

A server of debug information that does not answer until it is let is such a file: which moment of a
recording it holds up, and for how long, is then the test's to say.
"""
import contextlib
import ctypes.util
import http.server
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

import pytest

from conftest import TIMEOUT, TOTALS, UNFREED, Lines, Target, eventually, needs, program

# The records of these stacks are more than the ring buffer holds, those of each target are not.
OTHERS = 3
STACKS = 15000
ROWS = 6 * OTHERS * STACKS  # no two get into each other's way
TABLES = ["--case", "refill", "--blocks", STACKS, "--stacks", STACKS, "--again", 1]


class Server(http.server.ThreadingHTTPServer):
    """Has nothing, and says so only when it is let."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = threading.Semaphore(0)
        self.let = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.release()
        self.server.let.wait(TIMEOUT)
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """With a cache that whoever reads the files can write to."""
    if not ctypes.util.find_library("debuginfod"):
        pytest.skip("libdebuginfod is not installed")
    with Server() as server, tempfile.TemporaryDirectory() as cache:
        os.chmod(cache, 0o777)
        monkeypatch.setenv("DEBUGINFOD_URLS", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", cache)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server


@pytest.fixture
def stripped(tmp_path):
    """A program whose lines only the server could tell."""
    path = tmp_path / "family"
    subprocess.run([needs("strip"), "-g", "-o", path, program("family")], check=True)
    return path


def sleeps(pid):
    """Whether it waits, and so has taken what there was."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def stop(recorder, errors, path):
    """What it reported at last."""
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(TIMEOUT) == 0, errors.rest()
    return json.loads(path.read_text())


def test_stacks_that_come_while_names_are_awaited(tmp_path, server, stripped):
    """The first report asks for names of what one target did, while others go on, each as far as the
    ring buffer holds. What they allocate they free again: the reports, of what is there, stay small.
    """
    path = tmp_path / "report.json"
    with contextlib.ExitStack() as targets:
        one = targets.enter_context(Target(stripped))
        others = [targets.enter_context(Target("tables", *TABLES)) for _ in range(OTHERS)]
        pids = ",".join(str(target.pid) for target in [one, *others])
        recorder = targets.enter_context(subprocess.Popen(
            [UNFREED, "record", "--exact", "-i", "1", "--max-stacks", str(ROWS), "-o", path,
             "-p", pids],
            stderr=subprocess.PIPE, text=True))
        targets.callback(recorder.kill)
        errors = Lines(recorder.stderr)
        errors.until("^unfreed: tracing ")
        one.go()
        truths = [one.truth()]
        assert server.asked.acquire(timeout=TIMEOUT)
        for other in others:
            other.go()
            truths.append(other.truth())
            eventually(lambda: sleeps(recorder.pid), "it does not wait for the names any more")
        server.let.set()
        report = stop(recorder, errors, path)
    assert not any(report["losses"].values()), report["losses"]
    assert {key: report["totals"][key] for key in TOTALS} == {
        key: sum(truth[key] for truth in truths) for key in TOTALS}


@pytest.fixture
def reporting(tmp_path, server, stripped):
    """A recording with options of a program that has allocated, whose first report waits for names."""
    with contextlib.ExitStack() as ends:
        def start(*options):
            target = ends.enter_context(Target(stripped))
            recorder = ends.enter_context(subprocess.Popen(
                [UNFREED, "record", "--exact", "-i", "1", *options, "-o", tmp_path / "report.json", "-p",
                 str(target.pid)], stderr=subprocess.PIPE, text=True))
            ends.callback(recorder.kill)
            recorder.errors = Lines(recorder.stderr)
            recorder.errors.until("^unfreed: tracing ")
            target.go()
            recorder.truth = target.truth()
            assert server.asked.acquire(timeout=TIMEOUT)
            return recorder
        yield start


def ended(recorder, tmp_path):
    assert recorder.wait(TIMEOUT) == 0, recorder.errors.rest()
    report = json.loads((tmp_path / "report.json").read_text())
    assert {key: report["totals"][key] for key in TOTALS} == {key: recorder.truth[key] for key in TOTALS}
    return {frame["name"] for stack in report["stacks"] for frame in stack["frames"]}


@pytest.mark.parametrize("interrupted", [True, False])
def test_the_end_is_not_waited_for_behind_names(interrupted, reporting, server, tmp_path):
    """A report on the way to it gives them up, and the last one asks for them anew."""
    recorder = reporting(*([] if interrupted else ["-d", "3"]))
    if interrupted:
        recorder.send_signal(signal.SIGINT)
    assert server.asked.acquire(timeout=60), "it still waits, as it would for two minutes"
    server.let.set()
    assert {"main", "malloc"} & ended(recorder, tmp_path)


def test_a_second_interrupt_waits_for_no_network(reporting, server, tmp_path):
    """Names that are on this machine are there all the same."""
    recorder = reporting()
    recorder.send_signal(signal.SIGINT)
    assert server.asked.acquire(timeout=60)
    recorder.send_signal(signal.SIGINT)
    recorder.wait(60)
    assert "main" in ended(recorder, tmp_path)
