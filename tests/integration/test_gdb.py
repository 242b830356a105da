# SPDX-License-Identifier: BSD-2-Clause
"""Every stack agrees with gdb's, frame for frame: the same program does the same work twice, once
under gdb with breakpoints on the allocation functions, once traced."""
from collections import Counter

import pytest

from conftest import Target
from debugger import FRAMES_MAX, Gdb, describe, reported_stacks
from interpreters import INTERPRETERS, Interpreter
from servers import Nginx, Postgres, Redis, Session, directory  # noqa: F401 (a fixture)

# a debugger's breakpoint and a probe for all processes do not go on one instruction
pytestmark = pytest.mark.alone
ROUNDS = 3


def assert_same(theirs, ours):
    """Stacks, and how often each was seen."""
    only_gdb = [f"{count} x {describe(stack)}" for stack, count in (theirs - ours).items()]
    only_ours = [f"{count} x {describe(stack)}" for stack, count in (ours - theirs).items()]
    assert not only_gdb and not only_ours, "\n".join(
        ["only gdb:", *only_gdb, "only we:", *only_ours])


def both(record, tmp_path, start, work, options=()):
    """gdb's stacks and a result, each of a process of its own."""
    with start() as target:
        gdb = Gdb(target.pid, tmp_path)
        work(target)
        theirs = gdb.stop()
    with start() as target:
        recorder = record(target, options=options)
        work(target)
        result = recorder.stop()
    assert result.status == 0, result.stderr
    return theirs, result


def run_program(target):
    target.go()
    target.lines.until("^(done|{.*)$")


@pytest.mark.parametrize("name", ["bare_stacks", "rust_leaks_bare"])
def test_a_program_without_frame_pointers(record, tmp_path, name):
    theirs, result = both(record, tmp_path, lambda: Target(name), run_program)
    ours, truncated = reported_stacks(result.report)
    assert sum(theirs.values()) >= 100
    assert_same(theirs, ours)
    assert all(len(stack) >= FRAMES_MAX - 1 for stack in truncated)
    assert set(result.losses) <= {"stack_too_deep"}


@pytest.mark.parametrize("name", INTERPRETERS)
def test_a_program_of_debian(record, tmp_path, name):
    # gdb sees the interpreter's frames, for which we would show Python's
    theirs, result = both(record, tmp_path, lambda: Interpreter(name, tmp_path),
                          lambda interpreter: interpreter.work(), options=["--python", "off"])
    ours, truncated = reported_stacks(result.report)
    assert sum(theirs.values()) >= 20
    assert not truncated and not result.losses
    # how often may hang on addresses, as in perl
    assert_same(Counter(set(theirs)), Counter(set(ours)))


class OfServer:
    """What serves, as a target; the server goes with it."""

    def __init__(self, server, pid):
        self.server, self.pid = server, pid

    def __enter__(self):
        return self

    def __exit__(self, *ended):
        self.server.__exit__(*ended)


def assert_seen(theirs, result, least, times=1):
    """Every stack that gdb saw at least so many times is there. (A server works by the clock too: a
    request that is repeated is what comes often.)"""
    ours, truncated = reported_stacks(result.report)
    theirs = {stack: count for stack, count in theirs.items() if count >= times}
    missing = [f"{count} x {describe(stack)}" for stack, count in theirs.items()
               if stack not in ours]
    assert len(theirs) >= least
    assert not missing, "\n".join(missing)
    assert not truncated and not result.losses


def test_redis(record, tmp_path, directory):  # noqa: F811
    requests = ["set a 1", "append a " + "x" * 3000, "lpush l a b c", "lrange l 0 -1", "sort l alpha",
                "hset h a 1 b 2", "hgetall h", "zadd z 1 a 2 b", "zrange z 0 -1", "sadd s a b c",
                "eval return{1,redis.call('get','a')} 0", "object encoding s", "del a l h z s"]

    def work(target):
        for request in ROUNDS * requests:
            target.server.ask(*request.split())

    def start():
        # what takes long is noted, and under gdb everything does
        server = Redis(directory, "--slowlog-log-slower-than", "-1")
        return OfServer(server, server.pid)

    assert_seen(*both(record, tmp_path, start, work), least=20, times=ROUNDS)


def test_nginx(record, tmp_path, directory):  # noqa: F811
    def work(target):
        for _ in range(ROUNDS):
            assert b"200 OK" in target.server.get("page")
            assert b"gzip" in target.server.get("page", "Accept-Encoding: gzip", "Host: x")
            assert b"206" in target.server.get("page", "Host: x", "Range: bytes=0-9,20-29")
            assert b"404 Not Found" in target.server.get("missing")

    def start():
        server = Nginx(directory)
        return OfServer(server, server.worker)

    assert_seen(*both(record, tmp_path, start, work), least=5, times=ROUNDS)


def test_postgres_backend(record, tmp_path, directory):  # noqa: F811
    statements = ["select count(*) from pg_class a join pg_attribute b on a.oid = b.attrelid;",
                  "select string_agg(relname, ',' order by relname) is null from pg_class;",
                  "select regexp_replace('a1b2', '[0-9]', repeat('x', 20000)) is null;",
                  "select sum(x) from (select row_number() over (order by i) x from"
                  " generate_series(1, 2000) i) t;",
                  "with recursive r (i) as (select 1 union select i + 1 from r where i < 50)"
                  " select count(*) from r;"]
    with Postgres(directory) as server:
        def work(session):
            for _ in range(2):
                for statement in statements:
                    session.ask(statement)

        def start():
            session = Session(server)
            session.ask("select 1;")
            return session

        with start() as session:
            work(session)  # what the server keeps in files and shared memory
        assert_seen(*both(record, tmp_path, start, work), least=10)
