# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor --token-file` answers, and to whom: /metrics to whoever asks, the rest to whoever
has the token or the session that a browser gets for it."""
import contextlib
import json
import os
import random
import re
import socket
import stat
import subprocess
import sys
import time

import pytest

from cgroups import memory_group
from conftest import ROOT, TIMEOUT, UNFREED, Lines, Target
from guarded import Guarded
from monitors import service  # noqa: F401

GUARDED = ["/api/session", "/debug/pprof/heap", "/debug/pprof/growth", "/api/services", "/api/samples?service=1", "/api/findings?service=1",
           "/api/answers?service=1", "/api/answer?id=1"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("guarded")
    with Target("prefork") as target, \
            Guarded(directory, "-p", target.pid, "--history", directory / "history") as running:
        running.target = target
        yield running
        assert running.end() == 0


def test_the_token_is_made_for_us_alone(guarded):
    assert stat.S_IMODE(guarded.file.stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{32}", guarded.token)
    assert f"page at http://127.0.0.1:{guarded.port}/, opened by the token in {guarded.file}" in guarded.page_line
    assert guarded.token not in guarded.page_line


@pytest.mark.parametrize("path", GUARDED)
def test_without_the_token(guarded, path):
    for headers in ({}, {"Authorization": ""}, {"Authorization": guarded.token},
                    {"Authorization": f"Basic {guarded.token}"}, {"Authorization": "Bearer "},
                    {"Authorization": f"Bearer {guarded.token}x"},
                    {"Authorization": f"Bearer {guarded.token[:-1]}"},
                    {"Authorization": f"Bearer {'0' * 32}"}, {"Authorization": f"Bearer  {guarded.token}"},
                    {"Cookie": f"unfreed-{guarded.port}={guarded.token}"},
                    {"Cookie": f"unfreed-{guarded.port}="}, {"Cookie": "unfreed-1=" + "0" * 32}):
        status, answered, text = guarded.ask("GET", path, **headers)
        assert (status, answered["WWW-Authenticate"]) == (401, "Bearer"), headers
        assert text == "It needs the token.\n" and not answered.get_all("Set-Cookie")
    joined = path + ("&" if "?" in path else "?") + f"token={guarded.token}"
    assert guarded.ask("GET", joined)[0] == 401, "none is taken from an address"


def test_long_headers(guarded):
    for size in (1000, 10000, 100000):
        assert guarded.bearer("/api/services", "x" * size)[0] in (401, 431)
        assert guarded.ask("GET", "/api/services", Cookie=f"unfreed-{guarded.port}={'x' * size}")[0] in (
            401, 431)
    assert guarded.bearer("/api/services")[0] == 200


def test_damaged_at_random(guarded):
    """Requests with the token, with bytes changed; the seed is said where it fails."""
    seed = int.from_bytes(os.urandom(4), "little")
    chance = random.Random(seed)
    cookie, _ = guarded.sign_in()
    for _ in range(300):
        given = chance.choice([f"Cookie: a=b; {cookie}; c", f"Authorization: Bearer {guarded.token}"])
        whole = (f"GET {chance.choice(GUARDED)} HTTP/1.1\r\nHost: 127.0.0.1\r\n{given}\r\n"
                 "Connection: close\r\n\r\n").encode()
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", guarded.port), TIMEOUT) as client:
            with contextlib.suppress(OSError):
                client.sendall(damaged)
                client.shutdown(socket.SHUT_WR)
    assert guarded.bearer("/api/services")[0] == 200, seed


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_other_methods(guarded, method):
    status, headers, _ = guarded.bearer("/api/services", method=method)
    assert status == 405 and headers["Allow"] == "GET, HEAD"


def test_a_stranger_s_name(guarded):
    for path in ("/metrics", "/api/services"):
        assert guarded.ask("GET", path, Host="rebound.example",
                           Authorization=f"Bearer {guarded.token}")[0] == 403


def test_metrics_stay_open(guarded):
    assert guarded.ask()[0] == 200
    assert guarded.ask(Authorization="Bearer wrong")[0] == 200


def test_a_browser_s_session(guarded):
    cookie, whole = guarded.sign_in()
    assert whole.endswith("; Path=/; HttpOnly; SameSite=Strict")
    name, session = cookie.split("=")
    assert name == f"unfreed-{guarded.port}" and session != guarded.token
    status, headers, text = guarded.ask("GET", "/api/services", Cookie=f"other=1; {cookie}")
    assert status == 200 and json.loads(text)["services"]
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Access-Control-Allow-Origin"] is None
    assert guarded.ask("GET", "/api/services", Cookie=cookie + "0")[0] == 401
    assert guarded.ask("GET", "/api/services", Cookie=cookie,
                       Authorization="Bearer wrong-wrong-wrong")[0] == 401
    assert guarded.bearer("/api/services", session)[0] == 401, "it is no token"


def test_a_session_ends_with_the_monitor(service, tmp_path):  # noqa: F811
    with Guarded(tmp_path, "-p", service.pid) as first:
        cookie, _ = first.sign_in()
        token, session = first.token, cookie.split("=")[1]
        assert first.end() == 0
    with Guarded(tmp_path, "-p", service.pid) as second:
        assert second.token == token
        assert second.ask("GET", "/api/services",
                          Cookie=f"unfreed-{second.port}={session}")[0] == 401


def test_head(guarded):
    status, headers, text = guarded.bearer("/api/services", method="HEAD")
    assert status == 200 and not text and int(headers["Content-Length"]) > 100


def test_services(guarded):
    answer = guarded.get("/api/services")
    assert answer["schema"] == "unfreed/monitor/1" and answer["interval_s"] == 0.1
    [service] = answer["services"]  # noqa: F811
    assert service["name"] == f"prefork[{guarded.target.pid}]" and len(service["processes"]) == 5
    assert {process["comm"] for process in service["processes"]} == {"prefork"}
    for key in ("resident_bytes", "anonymous_bytes", "swapped_bytes"):
        assert service[key] == sum(process[key] for process in service["processes"])
    assert service["resident_bytes"] > service["anonymous_bytes"] > 0
    assert service["growth"]["inquiry"] is None and service["findings"] == []
    assert [kept["id"] for kept in answer["history"]] == [service["id"]]
    assert str(ROOT) not in json.dumps(answer), "no command lines"


def test_samples(guarded):
    [kept] = guarded.get("/api/services")["history"]
    answer = guarded.get(f"/api/samples?service={kept['id']}")
    assert answer["schema"] == "unfreed/monitor/1" and answer["service"] == kept["id"]
    assert answer["step_s"] == 174
    sample = answer["samples"][0]
    assert sample["processes"] == 5 and sample["resident_bytes"] > sample["anonymous_bytes"] > 0
    assert sample["at"] >= kept["first_at"]
    now = int(time.time())
    assert guarded.get(f"/api/samples?service={kept['id']}&until={now - 3600}")["samples"] == []
    assert guarded.get(f"/api/samples?service={kept['id']}&since={now - 600}")["step_s"] == 60
    assert guarded.get("/api/samples?service=999")["samples"] == []


@pytest.mark.parametrize("path, status", [
    ("/api/samples", 400), ("/api/samples?service=", 400), ("/api/samples?service=-1", 400),
    ("/api/samples?service=1x", 400), ("/api/samples?service=9999999999999999", 400),
    ("/api/samples?service=1%20OR%201", 400), ("/api/samples?service=1&since=5&until=5", 400),
    ("/api/samples?service=1&since=6&until=5", 400), ("/api/samples?service=1&until=0", 400),
    ("/api/samples?service=1&until=999999999999999", 200), ("/api/findings", 400), ("/api/answers", 400),
    ("/api/answer", 400), ("/api/answer?id=999", 404), ("/api/answer?id=1;", 400), ("/api/", 404),
    ("/api/services/", 404), ("/api/services?x=y", 200), ("/api/answers?service=1&service=2", 200),
])
def test_what_is_asked_for(guarded, path, status):
    assert guarded.bearer(path)[0] == status


def test_without_a_history(service, tmp_path):  # noqa: F811
    with Guarded(tmp_path, "-p", service.pid) as monitor:
        answer = monitor.get("/api/services")
        assert answer["history"] is None and answer["services"][0]["id"] is None
        for path in [path for path in GUARDED if "?" in path]:
            assert monitor.bearer(path)[0] == 404
        assert monitor.end() == 0


def test_a_limit(tmp_path):
    with memory_group(64) as group:
        process = subprocess.Popen([sys.executable, "-c", "print('ready', flush=True); input()"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Guarded(tmp_path, "-p", process.pid) as monitor:
                [found] = monitor.get("/api/services")["services"]
                assert found["limit"]["limit_bytes"] == 64 << 20 and found["limit"]["oom_kills"] == 0
                assert group.path.name in found["limit"]["cgroup"]
                assert 0 < found["limit"]["used_bytes"] < 64 << 20
                assert found["limit"]["limit_reached_in"] is None
        finally:
            process.kill()
            process.wait(TIMEOUT)


def test_files_that_are_refused(service, tmp_path):  # noqa: F811
    def refuse(said):
        done = subprocess.run(
            [str(UNFREED), "monitor", "-p", str(service.pid), "--listen", "127.0.0.1:0", "--token-file",
             str(path)], capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        assert said in done.stderr and "a-token-of-letters" not in done.stderr, done.stderr

    path = tmp_path / "token"
    path.write_text("a-token-of-letters\n")
    path.chmod(0o640)
    refuse("others can read it: chmod 600")
    path.chmod(0o600)
    path.write_text("short\n")
    refuse("it holds no token")
    path = tmp_path / "none/token"
    refuse("No such file")
