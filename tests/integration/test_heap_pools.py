# SPDX-License-Identifier: BSD-2-Clause
"""Pools of connections as `unfreed heap` and `unfreed monitor` see them, against what they say of themselves."""
import http.server
import json
import pathlib
import subprocess
import threading

import pytest

from conftest import TIMEOUT, UNFREED
from monitors import Monitor
from pythons import find_rootless, of_system, with_long
from servers import Postgres, Redis, directory  # noqa: F401

PACKAGES = pathlib.Path("/usr/lib/python3/dist-packages")
PURE = ["sqlalchemy", "redis", "urllib3", "six.py", "packaging", "async_timeout"]


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Pooled:
    """connection_pools.py at work."""

    def __init__(self, python, *args, **environment):
        self.process = python.start("connection_pools.py", *args, environment=environment.items())
        self.pid = self.process.pid
        self.truth = json.loads(self.process.lines.until("^{"))
        self.process.lines.until("^ready$")

    def give_back(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.truth = json.loads(self.process.lines.until("^{"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)


def look(pid):
    done = subprocess.run([str(UNFREED), "heap", "-p", str(pid), "-o", "-", "-f", "json"], capture_output=True,
                          text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["connection_pools"]


def seen(pid):
    return {pool["name"]: {key: pool[key] for key in ("type", "in_use", "idle", "maximum")} for pool in look(pid)}


def told(metrics, pooled):
    """The truth as a page of the monitor has it."""
    def row(name, kind):
        of = {"name": name, "type": kind, "pid": str(pooled.pid)}
        return {"type": kind, "in_use": metrics.get("unfreed_pool_connections", state="in use", **of),
                "idle": metrics.get("unfreed_pool_connections", state="idle", **of),
                "maximum": metrics.get("unfreed_pool_maximum_connections", **of)}
    return {name: row(name, truth["type"]) for name, truth in pooled.truth.items()}


@pytest.mark.parametrize("python", with_long(find_rootless(), 8, 11, 13))
def test_pools_without_servers(python, tmp_path, web):
    for name in PURE:
        if (PACKAGES / name).exists():
            (tmp_path / name).symlink_to(PACKAGES / name)
    with Pooled(python, "--web", web, PYTHONPATH=str(tmp_path)) as pooled:
        if not pooled.truth:
            pytest.skip("none of the libraries is here")
        assert seen(pooled.pid) == pooled.truth
        pooled.give_back()
        assert seen(pooled.pid) == pooled.truth


def test_pools_of_real_servers(directory, web):  # noqa: F811
    python = of_system()
    with Redis(directory) as redis, Postgres(directory) as postgres, \
            Pooled(python, "--web", web, "--redis", redis.path, "--postgres", postgres.socket) as pooled:
        if len(pooled.truth) < 8:
            pytest.skip(f"not all of the libraries are here: {list(pooled.truth)}")
        assert seen(pooled.pid) == pooled.truth
        assert sum(pool["in_use"] for pool in pooled.truth.values()) >= 16
        text = subprocess.run([str(UNFREED), "heap", "-p", str(pooled.pid)], capture_output=True, text=True,
                              timeout=TIMEOUT).stdout
        assert "__main__.SERVICE.ENGINE: 4 in use, 3 idle, 15 at most" in " ".join(text.split())
        with Monitor("-p", pooled.pid, "--budget", 100) as monitor:
            for _ in range(2):
                metrics = monitor.until(lambda page: told(page, pooled) == pooled.truth, "other pools are told")
                assert len(metrics.all("unfreed_pool_connections")) == 2 * len(pooled.truth)
                pooled.give_back()
            assert monitor.end() == 0
