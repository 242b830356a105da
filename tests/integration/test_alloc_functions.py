# SPDX-License-Identifier: BSD-2-Clause
"""What a program's own allocation functions return is said of who called them
(tests/programs/alloc_wrappers.c)."""
import re
import subprocess

import pytest

from conftest import UNFREED, program

EACH = 100
OWN = {"load_table": 4096, "note_name": 20, **{f"get_{i}": 100 * i for i in range(1, 11)}, "make_node": 3 * 48}


def entries(text):
    """{function: bytes an allocation}: a name follows the figures."""
    found = re.findall(r"^ *\d+\. ([\d.]+) (k?)B .*\n +(\w+) \(", text, re.M)
    return {name: float(number) * (1000 if kilo else 1) / EACH for number, kilo, name in found}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("functions") / "saved.pb.gz"
    run = subprocess.run([UNFREED, "record", "-o", path, "--", program("alloc_wrappers")], capture_output=True,
                         text=True)
    assert run.returncode == 0, run.stderr
    return path


def report(saved, *options):
    return subprocess.run([UNFREED, "report", saved, "--by", "app", *options], capture_output=True, text=True,
                          check=True).stdout


def test_who_called_them(saved):
    assert entries(report(saved)) == pytest.approx(OWN, rel=0.05)


def test_more_of_them(saved):
    """One that makes objects of one size is a name of its own, unless it is said."""
    found = entries(report(saved, "--alloc-fn", "make_node"))
    assert "make_node" not in found and {"node_1", "node_2", "node_3"} <= found.keys()


def test_an_empty_name(saved):
    run = subprocess.run([UNFREED, "report", saved, "--alloc-fn", ""], capture_output=True, text=True)
    assert run.returncode == 2 and "--alloc-fn needs the name of a function" in run.stderr
