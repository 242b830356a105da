# SPDX-License-Identifier: BSD-2-Clause
"""Alerts that `unfreed monitor --webhook` posts: to a server that takes them, fails at first, hangs, refuses,
or is not there."""
import contextlib
import http.server
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import threading
import time

import pytest

from conftest import TIMEOUT, UNFREED, eventually
from monitors import near_limit
from servers import children

SECRET = "hunter2"
FAILURE, USAGE = 1, 2


class Receiver(http.server.ThreadingHTTPServer):
    """Answers by what is in `answers`, one after the other, and then by 204: a status, a place to go to,
    or None, which hangs."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answers=(), address=("127.0.0.1", 0)):
        self.answers, self.alerts, self.requests = list(answers), [], []
        self.over = threading.Event()
        super().__init__(address, Request)
        self.port = self.server_address[1]
        self.url = f"http://name:{SECRET}@127.0.0.1:{self.port}/{SECRET}?{SECRET}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class Request(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.requests.append((self.path, dict(self.headers)))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if answer is None:
            self.server.over.wait(TIMEOUT)
            return
        if answer == 204:
            self.server.alerts.append(json.loads(text))
        self.send_response(302 if isinstance(answer, str) else answer)
        if isinstance(answer, str):
            self.send_header("Location", answer)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def alarm(url, *args):
    with near_limit("--webhook", url, *args) as bell:
        yield bell
        assert bell.monitor.end() == 0
        assert SECRET not in bell.monitor.stderr.rest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def test_what_is_posted_is_what_a_program_gets(tmp_path):
    program, alerts = tmp_path / "hook", tmp_path / "alerts"
    program.write_text(f"#!/bin/sh\n{{ cat; echo; }} >>{alerts}\n")
    program.chmod(0o700)
    with Receiver() as server, alarm(server.url, "--exec", program) as bell:
        bell.ring()
        bell.end()
        eventually(lambda: len(server.alerts) == 2, "they are not posted")
        eventually(lambda: alerts.exists() and alerts.read_text().count("\n") == 2, "not told")
        assert [json.loads(line) for line in alerts.read_text().splitlines()] == server.alerts
        assert [alert["change"] for alert in server.alerts] == ["new", "over"]
        path, headers = server.requests[0]
        assert path == f"/{SECRET}?{SECRET}" and headers["Content-Type"] == "application/json"
        assert headers["User-Agent"].startswith("unfreed/") and headers["Authorization"].startswith("Basic ")
        assert bell.dropped() == 0


def test_one_that_is_not_taken_is_posted_again():
    """In order, and said once."""
    with Receiver([503, 429, 500]) as server, alarm(server.url) as bell:
        bell.ring()
        bell.monitor.stderr.until(rf"^unfreed: http://127\.0\.0\.1:{server.port} did not take an alert, "
                                  r"which is posted again: HTTP status 503$")
        bell.end()
        eventually(lambda: len(server.alerts) == 2, "they are not posted")
        assert [alert["change"] for alert in server.alerts] == ["new", "over"]
        assert len(server.requests) == 5 and bell.dropped() == 0
        assert bell.monitor.end() == 0
        assert bell.monitor.stderr.rest().count("did not take") == 1


def test_a_server_that_hangs_holds_nothing_up():
    with Receiver([None]) as server, alarm(server.url) as bell:
        bell.ring()
        eventually(lambda: server.requests, "it is not posted")
        [child] = children(bell.monitor.pid)
        status = pathlib.Path(f"/proc/{child}/status").read_text()
        assert re.findall(r"^Cap(?:Prm|Eff|Amb):\t(\d+)$", status, re.M) == ["0" * 16] * 3
        rounds = bell.monitor.metrics().one("unfreed_self_rounds_total")
        began = time.monotonic()
        bell.monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") >= rounds + 20, "it waits")
        assert time.monotonic() - began < 9 and not server.alerts
        bell.monitor.stderr.until("which is posted again: Timeout was reached$")
        eventually(lambda: server.alerts, "it is not posted again")
        assert len(server.alerts) == 1 and bell.dropped() == 0


def test_a_server_that_is_gone_gets_it_when_it_is_back():
    with Receiver() as server:
        pass
    with alarm(server.url) as bell:
        bell.ring()
        bell.monitor.stderr.until("which is posted again: Could(n't| not) connect to server$")
        with Receiver(address=server.server_address) as server:
            eventually(lambda: server.alerts, "it is not posted again")
            assert bell.dropped() == 0


@pytest.mark.parametrize("answer", ["/elsewhere", "file:///etc/passwd", "http://127.0.0.1:9/", 404, 401])
def test_one_that_is_refused_is_dropped(answer):
    with Receiver([answer]) as server, alarm(server.url) as bell:
        bell.ring()
        status = answer if isinstance(answer, int) else 302
        bell.monitor.stderr.until(rf"which is dropped: HTTP status {status}$")
        bell.end()
        eventually(lambda: server.alerts, "the next one is not posted")
        assert [path for path, _ in server.requests] == [f"/{SECRET}?{SECRET}"] * 2
        assert [alert["change"] for alert in server.alerts] == ["over"] and bell.dropped() == 1


def test_a_certificate_of_nobody_is_refused(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Receiver() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with alarm(server.url.replace("http:", "https:")) as bell:
            bell.ring()
            bell.monitor.stderr.until(rf"https://127\.0\.0\.1:{server.port} did not take .*: SSL peer certificate ")
            assert not server.requests


@pytest.mark.parametrize("url", [
    f"ftp://{SECRET}/", f"file:///{SECRET}", f"{SECRET}", "http://", "https:///x", f"http://a b/{SECRET}",
    f"http://{SECRET}\n", f"http://a\\@{SECRET}/", f"http://a:{SECRET}/", f"http://a:99999/{SECRET}", "http://a/" + SECRET * 1000, "",
])
def test_what_is_no_address(url):
    done = subprocess.run([str(UNFREED), "monitor", "--comm", "x", "--listen", "127.0.0.1:0", "--webhook", url],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == USAGE and SECRET not in done.stderr
    assert done.stderr == ("unfreed: --webhook needs an address of HTTP, such as "
                           "https://alerts.example/unfreed\n")
