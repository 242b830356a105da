# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap --lost` against a program that knows what it lost (tests/programs/lost_blocks.cpp),
quiet and amid threads that allocate; and that it finds nothing in programs that lose nothing."""
import contextlib
import json
import re
import shutil
import subprocess
import threading

import pytest

from conftest import TIMEOUT, UNFREED, Lines, Target, needs
from servers import Nginx, Redis, directory  # noqa: F401
from test_heap_classes import pages_of


def lost_in(pid, *options, looks=5, interval=0.1, timeout=TIMEOUT):
    """What is lost, as {(size, class): count}; and why that cannot be told."""
    done = subprocess.run(
        [UNFREED, "heap", "-p", str(pid), "--lost", "--looks", str(looks), "-i", str(interval),
         "-f", "json", *options], check=True, capture_output=True, text=True, timeout=timeout)
    report = json.loads(done.stdout)
    assert bool(report["frozen_s"]) == ("--freeze" in options)
    assert (report["lost"] is None) == (report["lost_problem"] is not None)
    rows = report["lost"] or []
    assert all(row["bytes"] == row["size"] * row["count"] for row in rows)
    return {(row["size"], row["type"]): row["count"] for row in rows}, report["lost_problem"]


@pytest.mark.parametrize("mode, options", [
    ("quiet", []), ("busy", []), ("busy", ["--freeze"]), ("register", ["--freeze"]),
    ("behind", []),
])
def test_what_is_lost_and_nothing_else(mode, options):
    with Target("lost_blocks", mode) as target:
        truth = json.loads(target.lines.seen[0])
        found, problem = lost_in(target.pid, *options)
        assert problem is None
        wrong = {}
        for size, count in truth["lost"].items():
            kind = (int(size), "Session" if int(size) == 888 else None)
            got = found.pop(kind, 0)
            # a word that a call left may refer to one, and so to a chain of them
            if not max(count - 3, 2) <= got <= count:
                wrong[kind] = (count, got)
        assert not wrong
        assert not found  # above all nothing that is kept, whatever keeps it


def test_registers_are_read_of_who_stands_still():
    """One alone refers to a block; without --freeze it is taken for lost."""
    with Target("lost_blocks", "register") as target:
        kept = json.loads(target.lines.seen[0])["kept"]
        [size] = [int(size) for size in kept if 11000 <= int(size) < 11100]
        found, _ = lost_in(target.pid, looks=2)
        assert found[(size, None)] == kept[str(size)]
        found, _ = lost_in(target.pid, "--freeze", looks=2)
        assert (size, None) not in found


WAITS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
epoll = libc.epoll_create1(0)
print("ready", flush=True)
while True:
    libc.epoll_wait(epoll, ctypes.create_string_buffer(12), 1, -1)
    print(os.strerror(ctypes.get_errno()), flush=True)
"""


def test_freeze_says_what_the_target_sees():
    """Nothing is seen of a look that stops nobody."""
    with running("/usr/bin/python3", "-c", WAITS) as process:
        lost_in(process.pid, looks=2)
        done = subprocess.run([UNFREED, "heap", "-p", str(process.pid), "--lost", "--freeze",
                               "--looks", "2", "-i", "0.1"], capture_output=True, text=True,
                              check=True, timeout=TIMEOUT)
        assert re.search(r"stopped for [\d.]+ s in all: system calls that waited failed with "
                         "EINTR$", done.stdout, re.MULTILINE)
        process.kill()
        # one for each time that it was stopped, and none before
        assert process.lines.rest().split("\n") == ["ready", *2 * ["Interrupted system call"], ""]


@pytest.mark.alone  # whether a page of a library is private depends on what other processes run
def test_lost_costs_no_page():
    with Target("lost_blocks") as target:
        target.go()
        lost_in(target.pid, looks=2)  # after which it waits again
        before = pages_of(target.pid)
        lost_in(target.pid, looks=3)
        assert pages_of(target.pid) == before


def test_one_look_cannot_tell():
    done = subprocess.run([UNFREED, "heap", "-p", "1", "--lost", "--looks", "1"],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2
    assert "--lost needs two looks at least" in done.stderr


def test_heap_beyond_the_memory_for_it():
    """What does not fit is said, not guessed."""
    with Target("lost_blocks", "large") as target:
        done = subprocess.run([UNFREED, "heap", "-p", str(target.pid), "--lost", "-i", "0.1",
                               "--looks", "2", "--max-memory", "16"], capture_output=True, text=True,
                              timeout=TIMEOUT)
        assert done.returncode == 0
        assert "lost    not looked into: its heap is larger than" in done.stdout


PYTHON = """
import collections, ctypes, decimal, re, sqlite3, threading, time
kept = [bytearray(i * 37 % 3000) for i in range(20000)]
def work(seed, d=collections.OrderedDict()):
    i = 0
    while True:
        i += 1
        d[seed, i % 499] = [bytearray(700 + j) for j in range(i % 20)]
        time.sleep(0.004)
for i in range(3):
    threading.Thread(target=work, args=(i,), daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""
PERL = """
$| = 1;
my %h = map { $_ => ["x" x ($_ % 777), {a => $_}] } 1 .. 20000;
print "ready\\n";
while (1) { $h{int(rand(20000))} = ["y" x int(rand(900))]; select undef, undef, undef, 0.0002 }
"""
PHP = """
$kept = []; for ($i = 0; $i < 20000; $i++) $kept[] = [str_repeat("x", $i % 777), $i];
echo "ready\\n";
while (true) { $kept[mt_rand(0, 19999)] = [str_repeat("y", mt_rand(0, 900))]; usleep(200); }
"""
BASH = """
for i in {1..5000}; do a[$i]=x$i; done; echo ready
while read -rt 0.001 <> <(:) || true; do a[$((RANDOM % 5000))]=$RANDOM; done
"""


@contextlib.contextmanager
def running(*command):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        process.lines = Lines(process.stdout)
        process.lines.until("^ready$")
        yield process
    finally:
        process.kill()
        process.communicate()


INTERPRETERS = pytest.mark.parametrize("command", [
    ["/usr/bin/python3", "-c", PYTHON],
    ["perl", "-e", PERL],
    ["php", "-r", PHP],
    ["bash", "-c", BASH],
], ids=["python3", "perl", "php", "bash"])


@INTERPRETERS
def test_interpreters_lose_nothing(command):
    with running(*command) as process:
        assert lost_in(process.pid, looks=10) == ({}, None)


@pytest.mark.long
@INTERPRETERS
def test_interpreters_lose_nothing_without_a_pause(command):
    """What lies in registers alone of a thread that never waits lies elsewhere at the next look."""
    program = command[2]
    for pause in "time.sleep(0.004)", "select undef, undef, undef, 0.0002", "usleep(200)":
        program = program.replace(pause, "0")
    with running(*command[:2], program) as process:
        for interval in 0.001, 0.05, 1:
            assert lost_in(process.pid, looks=10, interval=interval) == ({}, None)


@contextlib.contextmanager
def asked_without_a_pause(server):
    """Clients that ask all the time; how often they were answered, at the end."""
    over, answers = threading.Event(), []

    def ask():
        while not over.is_set():
            answers.append(server.get("page", "Accept-Encoding: gzip"))

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        over.set()
        for client in clients:
            client.join(TIMEOUT)


def test_nginx_loses_nothing(directory):  # noqa: F811
    with Nginx(directory) as server, asked_without_a_pause(server) as answers:
        for pid in server.pid, server.worker:
            before = len(answers)
            assert lost_in(pid, looks=10) == ({}, None)
            assert len(answers) > before + 10  # while it was looked at


def test_redis_is_not_judged(directory):  # noqa: F811
    """It has jemalloc."""
    with Redis(directory) as server:
        found, problem = lost_in(server.pid, looks=2)
        assert not found and problem == "its malloc is not understood"


@pytest.mark.parametrize("command, name", [
    (["node", "-e", "console.log('ready'); setInterval(() => {}, 1000)"], "V8 (Node.js)"),
    (["ruby", "-e", "$stdout.sync = true; puts 'ready'; sleep 600"], "Ruby"),
], ids=["node", "ruby"])
def test_runtimes_are_not_judged(command, name):
    with running(*command) as process:
        found, problem = lost_in(process.pid, looks=2)
        assert not found and problem == f"{name} keeps references in forms of its own"


def test_java_is_not_judged(tmp_path):
    source = tmp_path / "Wait.java"
    source.write_text("""class Wait { public static void main(String[] a) throws Exception {
        System.out.println("ready"); Thread.sleep(600000); } }""")
    subprocess.run([needs("javac"), "-d", tmp_path, source], check=True, timeout=TIMEOUT)
    with running("java", "-Xmx64m", "-cp", str(tmp_path), "Wait") as process:
        found, problem = lost_in(process.pid, looks=2)
        assert not found and problem == "Java keeps references in forms of its own"
