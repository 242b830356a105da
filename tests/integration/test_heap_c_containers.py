# SPDX-License-Identifier: BSD-2-Clause
"""Names of what containers, iterators and contexts of C code hold: against a program that puts one
object into each, and says by which member it is there."""
import json
import re
import subprocess

import pytest

from conftest import ROOT, Target
from pythons import find_pythons, started, with_long  # noqa: F401
from test_heap_holders import look

PYTHONS = find_pythons()
DEBIAN = "/usr/bin/python3"


@pytest.mark.parametrize("python", with_long(PYTHONS, 8, 11, 12, 13, 14))
def test_members(python, started):  # noqa: F811
    process = python.start("python_c_containers.py")
    started.append(process)
    truth = json.loads(process.lines.next("members"))
    process.lines.until("^ready$")
    found = look(process, "--holders", "__main__.Held")
    names = {re.sub(r"\[\d+]", "[*]", row["name"]) for row in found["holders"]}
    assert len(truth) >= 40
    missing = {"__main__." + name + rest for name, rest in truth.items()} - names
    assert not missing, names
    assert not [name for name in names if "<C" in name]


def test_greenlets():
    """gevent is Debian's, and so is the Python that has it."""
    if subprocess.run([DEBIAN, "-c", "import gevent"], capture_output=True).returncode:
        pytest.skip("there is no python3-gevent")
    with Target(ROOT / "tests/programs/python_greenlets.py", wrap=[DEBIAN, "-B"]) as target:
        found = look(target, "--holders", "__main__.Held")
        truth = target.truth()
        target.process.stdin.close()
    counts = {row["name"]: row["count"] for row in found["holders"]}
    assert counts == truth


@pytest.mark.parametrize("python", with_long(PYTHONS, 8, 11, 12, 13, 14))
def test_streams_in_memory(python, started):  # noqa: F811
    """What was written has no attribute: it is told under the stream's own name."""
    process = python.start("python_streams.py")
    started.append(process)
    process.lines.until("^ready$")
    names, expected = set(), {"__main__.LOG.raw", "__main__.TEXT"}
    if python.minor >= 14:  # which keeps text behind memory of a form that is not known
        expected.remove("__main__.TEXT")
    for _ in range(4):
        grown = look(process, "-i", "0.5", "--looks", "6")["growth"]["containers"]
        names |= {row["name"] for row in grown}
        if expected <= names:
            break
    assert expected <= names
    assert not [name for name in names if "<C" in name]
