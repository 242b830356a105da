# SPDX-License-Identifier: BSD-2-Clause
"""Whoever asks `unfreed monitor` for its page, and how: what is malformed, slow, many, or not meant for
it is refused, and the next one gets the page."""
import contextlib
import os
import random
import re
import socket
import subprocess
import sys

import pytest

from conftest import TIMEOUT, UNFREED, Target, eventually
from monitors import Monitor
from servers import unpack


HOST = "shop.example"


@pytest.fixture(scope="module")
def monitor():
    with Target("prefork") as target, Monitor("-p", target.pid, "--host", HOST) as running:
        yield running
        assert running.end() == 0


def say(monitor, request):
    """A connection on which all that is said; it may have been reset meanwhile."""
    client = socket.create_connection(("127.0.0.1", monitor.port), TIMEOUT)
    with contextlib.suppress(OSError):
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
    return client


def hear(client):
    """All that comes back."""
    answer = b""
    with client, contextlib.suppress(OSError):
        while part := client.recv(65536):
            answer += part
    return answer


def status_of(answer):
    found = re.match(rb"HTTP/1\.[01] (\d+) ", answer)
    return int(found[1]) if found else None


def test_the_page(monitor):
    status, headers, text = monitor.ask()
    assert status == 200
    assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Connection"] == "close"
    assert text.endswith("\n# EOF\n")
    status, headers, text = monitor.ask("HEAD")
    assert status == 200 and not text and int(headers["Content-Length"]) > 1000
    assert monitor.ask("GET", "/metrics?name[]=x")[0] == 200


def test_what_others_read_of_it(monitor):
    """Prometheus's own parser, which is strict."""
    sys.path.insert(0, str(unpack("python3-prometheus-client") / "usr/lib/python3/dist-packages"))
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    families = {family.name: family
                for family in parser.text_string_to_metric_families(monitor.metrics().text)}
    assert families["unfreed_target_resident_bytes"].type == "gauge"
    assert families["unfreed_service_cpu_seconds"].type == "counter"
    assert len(families["unfreed_target_resident_bytes"].samples) == 5


@pytest.mark.parametrize("path", [
    "/", "/metrics/", "//metrics", "/metrics/../metrics", "/../metrics", "/%2e%2e/etc/passwd",
    "/debug/pprof/heap", "/metrics%00", "/%6detrics", "/METRICS", "http://127.0.0.1/metricsx", "*",
])
def test_other_pages(monitor, path):
    assert monitor.ask("GET", path)[0] in (400, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "X" * 500])
def test_other_methods(monitor, method):
    status, headers, _ = monitor.ask(method)
    assert status == 405 and headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("host, status", [
    ("127.0.0.1", 200), ("localhost:9873", 200), ("[::1]", 200), (socket.gethostname(), 200),
    (HOST, 200), (f"{HOST.upper()}:9873", 200), (f"{HOST}.rebound.example", 403),
    ("rebound.example", 403), ("rebound.example:9873", 403), ("", 403), ("127.0.0.1@rebound.example", 403),
])
def test_by_which_name_it_is_asked(monitor, host, status):
    assert monitor.ask(Host=host)[0] == status


@pytest.mark.parametrize("name", ["", "two words", f"{HOST}:9873", "http://shop.example"])
def test_what_is_no_name(name):
    done = subprocess.run([UNFREED, "monitor", "--host", name, str(os.getpid())],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f'unfreed: --host needs the name of a machine, not "{name}"\n'


MALFORMED = [
    b"", b"\r\n", b"\n" * 100, b"\0" * 1000, b"GET", b"GET /metrics", b"GET /metrics HTTP/1.1\r\n\r\n",
    b"GET /metrics HTTP/9.9\r\nHost: a\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost\r\n\r\n",
    b"GET  /metrics  HTTP/1.1\r\nHost: evil\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40,
    b"GET /metrics HTTP/1.1\r\nHost: evil\r\nHost: evil2\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 50000,
    b"GET /metrics HTTP/1.1\r\nHost: " + b"a" * 100000 + b"\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def test_malformed(monitor):
    """All at once, as what may still become a request is waited for."""
    clients = [say(monitor, request) for request in MALFORMED]
    assert monitor.ask()[0] == 200
    assert [status_of(hear(client)) for client in clients].count(200) == 0
    assert monitor.ask()[0] == 200


def test_damaged_at_random(monitor):
    """Pieces of requests with bytes changed; the seed is said where it fails."""
    seed = int.from_bytes(os.urandom(4), "little")
    chance = random.Random(seed)
    whole = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\nContent-Length: 3\r\n\r\nabc"
    for _ in range(300):
        damaged = bytearray(whole[:chance.randrange(1, len(whole))])
        for _ in range(chance.randrange(4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        say(monitor, bytes(damaged)).close()
    assert monitor.ask()[0] == 200, seed


def test_several_requests_at_once_get_one_answer(monitor):
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert hear(say(monitor, request * 20)).count(b"HTTP/1.1 200") == 1


def test_five_hundred_connections(monitor):
    """Of which nobody says anything: they are ended, and their descriptors are given back."""
    before = len(os.listdir(f"/proc/{monitor.pid}/fd"))
    silent = []
    try:
        for _ in range(500):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", monitor.port))
            silent.append(client)
        assert monitor.ask()[0] == 200, "as soon as there is room"
        assert len(os.listdir(f"/proc/{monitor.pid}/fd")) <= before + 70
    finally:
        for client in silent:
            client.close()
    eventually(lambda: len(os.listdir(f"/proc/{monitor.pid}/fd")) <= before, "they stay open")


def test_a_client_that_dribbles_is_ended(monitor):
    """A byte now and then keeps no connection for ever."""
    with socket.create_connection(("127.0.0.1", monitor.port), TIMEOUT) as client:
        client.settimeout(0.5)
        client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")

        def is_ended():
            try:
                client.sendall(b"y")
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_ended, "it is still listened to")
    assert monitor.ask()[0] == 200
