# SPDX-License-Identifier: BSD-2-Clause
"""Real servers under bounded load, on unix sockets: what is outstanding is what the server itself
says that it keeps, no unit is lost, and the server serves and ends as ever."""
import signal
import subprocess
import time

import pytest

from interpreters import INTERPRETERS, Interpreter
from servers import Nginx, Postgres, Redis, Session, directory  # noqa: F401 (a fixture)

# In a few seconds every kind of work has been done; a minute is for what seldom comes.
LOADS_SECONDS = [2, pytest.param(60, marks=pytest.mark.long)]
NATIVE = {"python3": ["--python", "off"]}  # Python's frames would stand for the interpreter's


def share_at_bottom(result):
    """Of the allocations, how many have a stack that reaches down to the start of its thread."""
    stacks = result.report["stacks"]
    whole = sum(stack["alloc_blocks"] for stack in stacks if not stack["truncated"])
    return whole / result.totals["alloc_blocks"]


def test_redis(record, directory):  # noqa: F811
    """redis counts usable sizes itself; requested ones are below them by jemalloc's size classes,
    at most 20 %, and a little of what it had before was freed."""
    with Redis(directory) as server:
        server.used_memory()
        before = server.used_memory()
        recorder = record(server)
        server.benchmark("-n", 30000, "-r", 20000, "-d", 500, "-t", "set")
        grown = server.used_memory() - before
        result = recorder.stop()
        assert server.stop() == 0
    assert result.status == 0, result.stderr
    assert not result.losses
    assert share_at_bottom(result) >= 0.995
    assert grown > 5_000_000
    assert 0.8 * grown < result.totals["live_bytes"] <= 1.01 * grown


def test_nginx(record, directory):  # noqa: F811
    """A request's pool is freed with it: after 2,000 requests and a graceful end next to nothing
    is left."""
    with Nginx(directory) as server:
        recorder = record(server.worker)
        for i in range(2000):
            answer = server.get("page" if i % 4 else "missing")
            assert (b"200 OK" if i % 4 else b"404 Not Found") in answer
        assert server.stop(signal.SIGQUIT) == 0
        result = recorder.wait()
    assert result.status == 0, result.stderr
    assert not result.losses
    assert share_at_bottom(result) >= 0.995
    assert result.totals["alloc_blocks"] >= 2 * 2000
    assert result.totals["live_bytes"] < 65536


def test_postgres_backend(record, directory):  # noqa: F811
    """Memory contexts are made of malloc's blocks, and the backend lists them: prepared statements
    stay until the session ends."""
    with Postgres(directory) as server, Session(server) as session:
        session.memory()
        before = session.memory()
        recorder = record(session)
        for i in range(500):
            session.process.stdin.write(
                f"prepare p{i} as select relname, {i} from pg_class where oid = $1;\n"
                f"execute p{i}(1);\n")
        grown = session.memory() - before
        result = recorder.stop()
        assert session.ask("select 6 * 7;") == "42"
    assert result.status == 0, result.stderr
    assert not result.losses
    assert share_at_bottom(result) >= 0.995
    assert grown > 2_000_000
    # Not exact: some of what the backend had before was freed, some of the rest is no context's.
    assert 0.9 * grown < result.totals["live_bytes"] < 1.1 * grown


def test_postgres_with_followed_backends(record, directory):  # noqa: F811
    """The postmaster and its children under pgbench: every transaction is answered."""
    with Postgres(directory) as server:
        server.run(*server.command("pgbench", "-i", "-q", "postgres"), stderr=subprocess.DEVNULL)
        recorder = record(server, options=["--follow-forks"])
        done = server.run(*server.command("pgbench", "-S", "-c", "4", "-t", "500", "postgres"))
        assert "number of transactions actually processed: 2000/2000" in done
        result = recorder.stop()
        assert server.stop() == 0
    assert result.status == 0, result.stderr
    assert not result.losses
    assert share_at_bottom(result) >= 0.995
    assert len(result.report["targets"]) >= 5
    assert result.totals["alloc_blocks"] > 2000


def redis_load(directory):
    with Redis(directory) as server:
        yield server.pid, []
        while (yield):
            server.benchmark("-n", 1000, "-r", 5000, "-d", 300)


def nginx_load(directory):
    with Nginx(directory) as server:
        yield server.worker, []
        while (yield):
            for _ in range(200):
                assert b"200 OK" in server.get("page", "Accept-Encoding: gzip", "Host: x")
                assert b"404 Not Found" in server.get("missing")


def postgres_load(directory):
    with Postgres(directory) as server:
        server.run(*server.command("pgbench", "-i", "-q", "postgres"), stderr=subprocess.DEVNULL)
        yield server.pid, ["--follow-forks"]
        while (yield):
            server.run(*server.command("pgbench", "-c", "4", "-T", "1", "postgres"))


def assert_bottoms(result, seconds):
    """At least 99.5 % of all stacks are complete."""
    assert result.status == 0, result.stderr
    print(f"{result.totals['alloc_blocks']} allocations, {len(result.report['stacks'])} stacks, "
          f"{share_at_bottom(result):.6%} complete, losses {result.losses}")
    assert result.totals["alloc_blocks"] > 500 * seconds
    assert share_at_bottom(result) >= 0.995


@pytest.mark.parametrize("seconds", LOADS_SECONDS)
@pytest.mark.parametrize("load", [redis_load, nginx_load, postgres_load],
                         ids=lambda load: load.__name__)
def test_load(record, directory, load, seconds):  # noqa: F811
    server = load(directory)
    pid, options = next(server)
    recorder = record(pid, options=options)
    end = time.monotonic() + seconds
    next(server)
    while time.monotonic() < end:
        server.send(True)
    result = recorder.stop()
    server.close()
    assert_bottoms(result, seconds)


@pytest.mark.parametrize("seconds", LOADS_SECONDS)
@pytest.mark.parametrize("name", INTERPRETERS)
def test_work(record, tmp_path, name, seconds):
    with Interpreter(name, tmp_path) as interpreter:
        recorder = record(interpreter, options=NATIVE.get(name, ()))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            interpreter.work()
        assert_bottoms(recorder.stop(), seconds)
