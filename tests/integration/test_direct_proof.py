# SPDX-License-Identifier: BSD-2-Clause
"""Direct sites are compared with entry and return first: where they differ these stay."""
import os
import pathlib
import re

import pytest

from conftest import Target, assert_exact, eventually, program

LIES = {"size": "how large these are", "count": "how many calls there are",
        "result": "which blocks they return", "caller": "who called"}  # fmt: skip
LIAR = ["--threads", 1, "--slots", 64, "--rounds", 20000]
HONEST = 1000  # tests/programs/liar.c


def measure_liar(measure, lie, *options):
    return measure("churn", *LIAR, preload=program("libliar.so"), environment={"LIE": lie},
                   options=["-v", *options])  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_sites_that_differ_are_not_used(measure, lie):
    truth, result = measure_liar(measure, lie)
    said = re.search(r"libliar\.so: malloc is seen at its entry and return: places inside of it "
                     r"differ from these in (.*), after (\d+) calls that were the same",
                     result.stderr)  # fmt: skip
    assert said and said[1] == LIES[lie], result.stderr
    assert HONEST - 100 < int(said[2]) < HONEST
    assert_exact(truth, result)


def test_what_they_would_have_said(measure):
    """Else the comparison shows nothing."""
    truth, result = measure_liar(measure, "size", "--sites", "direct")
    assert result.totals["alloc_blocks"] == truth["alloc_blocks"]
    assert result.totals["alloc_bytes"] > truth["alloc_bytes"] + 8 * 1000


def test_sites_that_do_not_differ(measure):
    truth, result = measure_liar(measure, "none")
    assert "libliar.so: malloc is seen at one place inside of it from now on: 4096 calls" in \
        result.stderr
    assert_exact(truth, result)


def links_of(recorder):
    """How many the process has that keeps its probes in place."""
    pid = recorder.process.pid
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/comm").read_text() == "probe-keeper\n":
            links = pathlib.Path(f"/proc/{child}/fd").iterdir()
            return sum("bpf" in os.readlink(link) for link in links)
    raise AssertionError("no keeper")


@pytest.mark.parametrize("kind, gone", [("session", 1), ("multi", 2)])
def test_probes_that_are_not_needed_go(record, kind, gone):
    """While calls are made: none is lost, and no stack is cut by what a return probe leaves there."""
    with Target("churn", "--threads", 4, "--stacks", 20) as target:
        recorder = record(target, options=["-v", "--attach", kind])
        before = links_of(recorder)
        target.go()
        recorder.stderr.until("libc.*: malloc is seen at one place inside of it")
        eventually(lambda: links_of(recorder) == before - gone, "the links that go")
        target.go()
        truth = target.truth()
        result = recorder.stop()
    assert_exact(truth, result)
    outermost = {stack["frames"][-1]["name"] for stack in result.report["stacks"]}
    assert len(outermost) == 1, outermost
