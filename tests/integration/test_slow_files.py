# SPDX-License-Identifier: BSD-2-Clause
"""While a file is read that takes its time, all else goes on: nothing that the programs send is lost,
reports come when they are due, and other targets get their probes.

A server of debug information that does not answer until it is let is such a file: which moment of a
recording it holds up, and for how long, is then the test's to say.
"""
import contextlib
import ctypes.util
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from conftest import TIMEOUT, TOTALS, UNFREED, Lines, Target, eventually, needs, own_libc, program, sums
from servers import children
from test_served_files import Server as FileServer

# The records of these stacks are more than the ring buffer holds, those of each target are not.
OTHERS = 3
STACKS = 15000
ROWS = 6 * OTHERS * STACKS  # no two get into each other's way
TABLES = ["--case", "refill", "--blocks", STACKS, "--stacks", STACKS, "--again", 1]


class Server(http.server.ThreadingHTTPServer):
    """Has what the test gives it, by build id, and says so only when it is let."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
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
        parts = self.path.split("/")
        path = self.server.files.get(parts[2]) if parts[3:] == ["debuginfo"] else None
        if not path:
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # who asked was given up
            self.wfile.write(data)

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
def stripped(tmp_path, server):
    """A program whose lines only the server could tell."""
    path = tmp_path / "family"
    subprocess.run([needs("strip"), "-g", "-o", path, program("family")], check=True)
    notes = subprocess.run([needs("readelf"), "-n", path], check=True, capture_output=True, text=True)
    build_id = re.search("Build ID: (\\w+)", notes.stdout).group(1)
    server.files[build_id] = pathlib.Path(program("family"))
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
    """A recording with options of a program that has allocated, for whose names the server was asked."""
    with contextlib.ExitStack() as ends:
        def start(*options):
            target = ends.enter_context(Target(stripped))
            recorder = ends.enter_context(subprocess.Popen(
                [UNFREED, "record", "--exact", "-i", "1", *options, "-o", tmp_path / "report-%t.json",
                 "-p", str(target.pid)], stderr=subprocess.PIPE, text=True))
            ends.callback(recorder.kill)
            recorder.errors = Lines(recorder.stderr)
            recorder.errors.until("^unfreed: tracing ")
            target.go()
            recorder.truth = target.truth()
            assert server.asked.acquire(timeout=TIMEOUT)
            return recorder
        yield start


def halted(pid):
    """Whether it has taken its probes out: all that is left is its last report. Each is a descriptor of
    the process that keeps them."""
    for child in children(pid):
        for descriptor in pathlib.Path(f"/proc/{child}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(descriptor) in ("anon_inode:bpf_link", "anon_inode:[perf_event]"):
                    return False
    return True


def reports(directory):
    """In the order of their numbers."""
    paths = sorted(directory.glob("report-*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in paths]


def totals(report):
    return {key: report["totals"][key] for key in TOTALS}


def frames(report):
    return [frame for stack in report["stacks"] for frame in stack["frames"]]


def names(report):
    return {frame["name"] for frame in frames(report)}


def lines(report):
    return {frame["line"] for frame in frames(report) if frame["name"] == "main"} - {0}


def ended(recorder, tmp_path):
    assert recorder.wait(TIMEOUT) == 0, recorder.errors.rest()
    report = reports(tmp_path)[-1]
    assert totals(report) == {key: recorder.truth[key] for key in TOTALS}
    assert not any(report["losses"].values()), report["losses"]
    return report


def test_reports_do_not_wait_for_names(reporting, server, tmp_path):
    """They have those that are on this machine; what the server tells stands in a later one, which does
    not take it for a change."""
    recorder = reporting()
    eventually(lambda: len(reports(tmp_path)) >= 4, "reports wait for the names")
    eventually(lambda: "main" in names(reports(tmp_path)[-1]), "names on this machine wait for the server")
    for report in reports(tmp_path):
        assert totals(report) == {key: recorder.truth[key] for key in TOTALS}
        assert report["losses"]["names_late"] > 0 and not lines(report)
    server.let.set()
    eventually(lambda: lines(reports(tmp_path)[-1]), "the names never come")
    recorder.send_signal(signal.SIGINT)
    assert lines(ended(recorder, tmp_path))
    for report in reports(tmp_path)[1:]:
        assert report["change"] == {"bytes": 0, "blocks": 0}
        assert not any(stack["change"]["bytes"] for stack in report["stacks"])


@pytest.mark.parametrize("interrupted", [True, False])
def test_the_last_report_waits_for_names(interrupted, reporting, server, tmp_path):
    """For those that are awaited already."""
    recorder = reporting(*([] if interrupted else ["-d", "3"]))
    if interrupted:
        recorder.send_signal(signal.SIGINT)
    eventually(lambda: halted(recorder.pid), "it records on, as it would for two minutes")
    server.let.set()
    assert lines(ended(recorder, tmp_path))


def test_a_second_interrupt_waits_for_no_network(reporting, server, tmp_path):
    """Names that are on this machine are there all the same."""
    recorder = reporting()
    recorder.send_signal(signal.SIGINT)
    eventually(lambda: halted(recorder.pid), "it records on")
    recorder.send_signal(signal.SIGINT)
    recorder.wait(60)
    report = ended(recorder, tmp_path)
    assert "main" in names(report) and not lines(report)


class Child:
    """A program that a shell starts, which waits as a Target does."""

    def __init__(self, shell, path, directory):
        self.path = path
        ends = [directory / f"{path.parent.name}-{end}" for end in ("in", "out")]
        for end in ends:
            os.mkfifo(end)
        shell.process.stdin.write(f"{path} {ends[0]} {ends[1]}\n")
        shell.process.stdin.flush()
        self.input = open(ends[0], "w")
        self.lines = Lines(open(ends[1]))
        self.lines.until("^ready$")

    def probed(self, errors):
        """Once its allocator has its probes."""
        pattern = f"process [0-9]+: {self.path} "
        line = next((line for line in errors.seen if re.search(pattern, line)), None) or errors.until(pattern)
        self.pid = int(re.search("process ([0-9]+)", line).group(1))

    def go(self):
        print(file=self.input, flush=True)
        self.truth = json.loads(self.lines.until("^{"))


SHELL = 'echo ready; while read program in out; do "$program" <"$in" >"$out" & done; wait'


def test_others_are_attached_while_a_file_is_read(tmp_path):
    """Two programs with allocators of their own; the first one lies where reading takes its time. Reports
    come meanwhile."""
    quick = tmp_path / "quick/program"
    quick.parent.mkdir()
    shutil.copy(program("family.static"), quick)
    with contextlib.ExitStack() as ends:
        server = ends.enter_context(FileServer(tmp_path / "slow", program("family.static"), 0))
        shell = ends.enter_context(Target(pathlib.Path("/bin/sh"), "-c", SHELL, environment=own_libc(tmp_path)))
        recorder = ends.enter_context(subprocess.Popen(
            [UNFREED, "record", "--exact", "-v", "--follow-forks", "--all-stacks", "-i", "1", "-o",
             tmp_path / "report-%t.json", "-p", str(shell.pid)],
            stderr=subprocess.PIPE, text=True))
        ends.callback(recorder.kill)
        ends.callback(server.process.kill)  # what waits for it cannot be killed
        errors = Lines(recorder.stderr)
        errors.until("^unfreed: tracing ")
        recorder.send_signal(signal.SIGSTOP)  # so that it sees it when it is slow
        slow = Child(shell, server.library, tmp_path)
        server.do("hold")
        recorder.send_signal(signal.SIGCONT)
        quick = Child(shell, quick, tmp_path)
        quick.probed(errors)
        quick.go()
        before = len(reports(tmp_path))
        eventually(lambda: len(reports(tmp_path)) >= before + 2, "reports wait for the file")
        server.do("let")
        slow.probed(errors)
        slow.go()
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait(TIMEOUT) == 0, errors.rest()
    report = reports(tmp_path)[-1]
    assert "took too long" not in errors.rest()
    for child in (quick, slow):
        seen = sums(report, lambda stack: stack["frames"][-1]["name"], child.pid)
        for name, truth in child.truth["by_function"].items():
            assert seen[name] == {key: truth[key] for key in TOTALS[:4]}, (child.path, name)
    # the walker learns of a new image's mappings a moment after the exec
    assert {cause for cause, count in report["losses"].items() if count} <= {
        "unwind_no_mapping", "unwind_busy"}
