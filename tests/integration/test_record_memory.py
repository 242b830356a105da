# SPDX-License-Identifier: BSD-2-Clause
"""A recording says by how much its processes grew, what of it was seen, and where the rest is."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target
from pythons import tell
from test_heap_lost import running

GROWN = 40_000_000
NEAR = 1_500_000


def measured(measure, case, tmp_path):
    """The memory that the report tells, and the text."""
    text = tmp_path / "report.txt"
    truth, result = measure("grow", "--case", case, options=["-o", text])
    [target] = result.report["targets"]
    memory = result.report["memory"]
    assert memory["processes"] == 1
    first, last = target["memory"]["first"], target["memory"]["last"]
    assert last["resident_bytes"] - first["resident_bytes"] == memory["resident_grown"]
    for moment in (first, last):
        assert sum(moment["parts"].values()) == moment["resident_bytes"]
    return truth, memory, " ".join(text.read_text().split())


@pytest.mark.parametrize("case, part, said", [
    ("mmap", "anonymous", "memory that it maps itself"),
    ("shared", "shared", "memory that it shares"),
    ("stacks", "stacks", "stacks of threads")])
def test_what_no_probe_sees_is_said(measure, tmp_path, case, part, said):
    _, memory, text = measured(measure, case, tmp_path)
    assert abs(memory["parts_grown"][part] - GROWN) < NEAR
    assert abs(memory["unexplained"] - GROWN) < NEAR
    assert memory["unexplained_in"] == part
    assert said in text


def test_what_is_seen_is_explained(measure, tmp_path):
    truth, memory, text = measured(measure, "malloc", tmp_path)
    assert memory["seen"]["malloc"] == truth["live_bytes"] == GROWN
    assert abs(memory["unexplained"]) < NEAR
    assert memory["unexplained_in"] is None
    assert "most of it" not in text


def test_what_the_allocator_keeps_is_said(measure, tmp_path):
    truth, memory, text = measured(measure, "free", tmp_path)
    assert memory["seen"]["malloc"] == truth["live_bytes"]
    assert memory["parts_grown"]["malloc_free_returnable"] > GROWN * 8 // 10
    assert abs(memory["unexplained"] - (GROWN - truth["live_bytes"])) < NEAR
    assert memory["unexplained_in"] == "malloc_free_returnable"
    assert "kept by the allocator, free" in text
    assert "MB that malloc_trim would return (+" in text


def test_what_is_pinned_is_said(record, tmp_path):
    """Holes that later blocks do not fit into, between small ones that stay."""
    text = tmp_path / "report.txt"
    with Target("fragments") as target:
        recorder = record(target, options=["-o", text])
        free_bytes = 0
        while free_bytes < 3_000_000:
            target.go()
            truth = target.truth()
            free_bytes = truth["free_bytes"] - truth["top_bytes"]
        result = recorder.stop()
        target.go()
        after = target.truth()
    parts = result.report["targets"][0]["memory"]["last"]["parts"]
    pinned = parts["malloc_free_pinned"] + parts["malloc_free_returnable"]
    print(f"{free_bytes} free, then {after['free_bytes'] - after['top_bytes']}; {parts}")
    assert parts["malloc_free_pinned"] > 1_000_000
    assert 0.9 * free_bytes < pinned < 1.1 * after["free_bytes"]
    said = " ".join(text.read_text().split())
    assert "kept by the allocator, free: " in said
    assert "MB pinned between blocks in use (+" in said


def test_a_full_cache_that_turns_over_does_not_grow(measure, tmp_path):
    truth, memory, text = measured(measure, "turns", tmp_path)
    assert memory["seen"]["malloc"] == GROWN
    assert abs(memory["resident_grown"]) < NEAR
    assert abs(memory["unexplained"] + GROWN) < NEAR
    assert "in the place of what was free, or freed since" in text
    assert f"unknown frees: {truth['unknown_frees']:,} (blocks older than the attach: 40" in text


@pytest.mark.parametrize("command, name", [
    (["php", "-r", """echo "ready\n"; fgets(STDIN); $kept = []; for ($i = 0; $i < 4000; $i++)
      $kept[] = str_repeat('x', 9900 + $i % 7); echo "done\n"; fgets(STDIN);"""], "PHP"),
    (["node", "-e", """let kept = []; process.stdin.on('data', () => {
      for (let i = 0; i < 400000; i++) kept.push({a: i, b: [i, i]}); console.log('done') });
      console.log('ready')"""],
     "V8 (Node.js)")], ids=["php", "node"])
def test_heaps_of_runtimes_are_named(record, tmp_path, command, name):
    with running(*command) as process:
        recorder = record(process, options=["-o", tmp_path / "r.pb.gz"])
        tell(process)
        process.lines.until("^done$")
        memory = recorder.stop().report["memory"]
    assert memory["unexplained"] > 10_000_000
    assert memory["unexplained_in"] == "anonymous"
    # what was saved says it too
    run = subprocess.run([UNFREED, "report", tmp_path / "r.pb.gz"], capture_output=True, text=True,
                         timeout=TIMEOUT)
    assert f"not by malloc: {name}" in " ".join(run.stdout.split())


def test_arguments_are_kept_out(record, measure, tmp_path):
    profile = tmp_path / "r.pb.gz"
    _, result = measure("grow", "--case", "malloc", "--password=opensesame",
                        options=["-o", profile])
    [target] = result.report["targets"]
    assert len(target["cmdline"]) == 1 and target["cmdline"][0].endswith("/grow")
    run = subprocess.run(["gzip", "-dc", profile], capture_output=True, timeout=TIMEOUT)
    assert b"grow" in run.stdout and b"opensesame" not in run.stdout
    _, result = measure("grow", "--case", "malloc", "--password=opensesame",
                        options=["--with-arguments"])
    assert "--password=opensesame" in json.dumps(result.report)
