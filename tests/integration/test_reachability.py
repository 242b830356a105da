# SPDX-License-Identifier: BSD-2-Clause
"""`record --reachability` against a program that knows what it lost and what holds the rest
(tests/programs/reachable.c); that it finds nothing in programs that lose nothing; and whom it does
not judge."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target
from servers import Nginx, directory  # noqa: F401
from test_heap_lost import PERL, PYTHON, asked_without_a_pause, running


def add_holder(holders, part):
    """Equal ones become one."""
    identity = ["kind", "name", "object", "thread"]
    for holder in holders:
        if all(holder[key] == part[key] for key in identity):
            for key in part.keys() - identity:
                holder[key] += part[key]
            return
    holders.append(dict(part))


def found_in(report, pid=None):
    """Of each function that allocated in all its stacks: lost and reachable blocks, and holders."""
    found = {}
    for stack in report["stacks"]:
        part = stack["reachability"]
        if part is None or pid not in (None, stack["pid"]):
            continue
        row = found.setdefault(stack["frames"][-1]["name"], {"lost": 0, "reachable": 0, "by": []})
        assert part["lost"]["blocks"] + part["reachable"]["blocks"] <= stack["live_blocks"]
        assert part["lost"]["bytes"] + part["reachable"]["bytes"] <= stack["live_bytes"]
        for unit in "blocks", "bytes":
            assert sum(holder[unit] for holder in part["by"]) == part["reachable"][unit]
        row["lost"] += part["lost"]["blocks"]
        row["reachable"] += part["reachable"]["blocks"]
        for holder in part["by"]:
            add_holder(row["by"], holder)
    return found


def assert_found(truth, found, only=True):
    for function, expected in truth.items():
        got = found.pop(function)
        assert (got["lost"], got["reachable"]) == (expected["lost"], expected["reachable"]), function
        if not expected["reachable"]:
            assert got["by"] == []
            continue
        [holder] = got["by"]
        assert (holder["kind"], holder["name"], holder["thread"] or 0, holder["direct_blocks"]) == \
            (expected["kind"], expected["name"], expected["thread"], expected["direct"]), function
        assert (holder["object"] is not None) == (holder["kind"] == "variable" or
                                                  holder["name"] == "of_thread")
    if only:  # what the C library allocated for that is kept
        assert all(not row["lost"] for row in found.values())


@pytest.mark.parametrize("mode", ["", "busy", "wide"])
def test_what_is_lost_and_what_holds_the_rest(measure, mode):
    truth, result = measure("reachable", mode, options=["--reachability"])
    [target] = result.report["targets"]
    assert target["reachability"] == {"looks": 5, "problem": None, "frozen_s": 0}
    assert_found(truth, found_in(result.report))


def test_each_of_several_processes(record):
    with Target("reachable", "fork") as target, Target("reachable") as other:
        recorder = record(target, other, options=["--reachability", "--follow-forks"])
        target.go()
        truths = [target.truth(), target.truth()]
        other.go()
        truths.append(other.truth())
        report = recorder.stop().report
        assert len(report["targets"]) == 3
        for truth in truths:
            pid = truth["fill_thread"]["thread"]  # of the first thread
            assert_found(truth, found_in(report, pid))


def unwrapped(path):
    """A text report with its paragraphs on one line each."""
    return path.read_text().replace("\n        ", " ")


def test_at_intervals_and_in_all_formats(record, tmp_path):
    paths = {name: tmp_path / f"out.{name}" for name in ("txt", "folded", "pb.gz")}
    with Target("reachable") as target:
        recorder = record(target, options=["--reachability", "-i", "0.5", *[
            word for path in paths.values() for word in ("-o", path)]])
        target.go()
        truth = target.truth()
        while "[lost]" not in (paths["folded"].read_text() if paths["folded"].exists() else ""):
            assert recorder.process.poll() is None
        result = recorder.stop()
    assert_found(truth, found_in(result.report))
    text = unwrapped(paths["txt"])
    assert "lost: 325 blocks with 102.5 kB, to which nothing refers; reachable: 1," in text
    assert "      lost: 300 blocks with 90.0 kB\n" in text
    assert "      reachable by table of reachable: 75 blocks with 37.5 kB\n" in text
    assert ("      reachable by list_head of reachable: 1,000 blocks with 1.0 MB, 999 through other "
            "blocks\n") in text
    lines = dict(line.rsplit(" ", 1) for line in paths["folded"].read_text().splitlines())
    leaves = {path.rsplit(";", 2)[1]: int(size) for path, size in lines.items()
              if path.endswith(";[lost]")}
    assert leaves == {"lose": 90000, "lose_some": 12500}
    # the saved profile is lossless
    for name in "txt", "folded":
        again = tmp_path / f"again.{name}"
        subprocess.run([UNFREED, "report", paths["pb.gz"], "-o", again], check=True, timeout=TIMEOUT)
        assert again.read_text() == paths[name].read_text()


def test_registers_are_read_of_who_stands_still(record):
    for options, expected in ([], (1, 0)), (["--freeze"], (0, 1)):
        with Target("reachable", "register") as target:
            recorder = record(target, options=["--reachability", *options])
            target.go()
            target.truth()
            result = recorder.stop()
            got = found_in(result.report)["keep_in_register"]
            stopped = result.report["targets"][0]["reachability"]["frozen_s"]
            assert 0 < stopped < 10 if options else stopped == 0
            assert (got["lost"], got["reachable"]) == expected
            if options:
                [holder] = got["by"]
                assert (holder["kind"], holder["thread"]) == ("register", target.pid)


@pytest.mark.parametrize("command", [
    ["/usr/bin/python3", "-c", PYTHON],
    ["perl", "-e", PERL],
], ids=["python3", "perl"])
def test_interpreters_lose_nothing(record, command):
    with running(*command) as process:
        result = record(process, options=["--reachability", "-d", "1"]).wait()
        found = found_in(result.report)
        assert all(not row["lost"] for row in found.values()), found
        assert sum(row["reachable"] for row in found.values()) > 100


def test_nginx_loses_nothing(record, directory):  # noqa: F811
    with Nginx(directory) as server, asked_without_a_pause(server) as answers:
        result = record(server.worker, options=["--reachability", "-d", "1"]).wait()
        assert all(not row["lost"] for row in found_in(result.report).values())
        assert len(answers) > 10


def problem_of(result):
    [target] = result.report["targets"]
    assert not any(stack["reachability"] for stack in result.report["stacks"])
    return target["reachability"]["problem"]


def test_runtimes_are_not_judged(record, tmp_path):
    script = "console.log('ready'); setInterval(() => {}, 100)"
    with running("node", "-e", script) as process:
        path = tmp_path / "out.txt"
        result = record(process, options=["--reachability", "-d", "1", "-o", path]).wait()
        assert problem_of(result) == "V8 (Node.js) keeps references in forms of its own"
        assert (f"lost: not judged of {process.pid} (node): V8 (Node.js) keeps references in forms "
                "of its own\n") in unwrapped(path)


def test_who_ended_is_not_judged(record):
    recorder = record(options=["--reachability", "--", "/bin/sh", "-c", "exit 0"], wait=False)
    assert problem_of(recorder.wait()) == "it has ended"


def test_heap_beyond_the_memory_for_it(record):
    with Target("lost_blocks", "large") as target:
        recorder = record(target, options=["--reachability", "--max-memory", "16", "-d", "0.2"])
        assert problem_of(recorder.wait()).startswith("its heap is larger than can be gone through")


def test_more_blocks_than_there_is_memory_for(measure):
    _, result = measure("reachable", "wide", options=["--reachability", "--max-memory", "16"])
    assert problem_of(result) == "more blocks are open than can be judged in 16 MB"


@pytest.mark.parametrize("options, sentence", [
    (["--freeze"], "--freeze stops the targets for --reachability: give that too"),
    (["--reachability", "--malloc", "off"],
     "--reachability is of malloc's blocks, and --malloc off records none"),
])
def test_usage(options, sentence):
    done = subprocess.run([UNFREED, "record", "-p", "1", *options], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert done.returncode == 2 and sentence in done.stderr


def test_json_is_as_before_without_it(measure):
    _, result = measure("reachable")
    assert "reachability" not in json.dumps(result.report)
