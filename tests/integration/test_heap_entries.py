# SPDX-License-Identifier: BSD-2-Clause
"""What a further entry brings, where what is there already is of another size; and that classes,
which refer to their names and bases from where only C looks, are not taken for forgotten
(tests/programs/python_entries.py)."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import begin, choose, find_pythons, started, tell, truth_of, with_long  # noqa: F401

PYTHONS = find_pythons()
ENTRY_MOST = 1000  # bytes: a short string, its key and its place in a table
MODULE_MOST = 8000  # an empty one
ROW_BYTES = 449 + 60 + 100  # a string, its key and its place in a table
CLASSES = 300


def heap(process, *options):
    found = subprocess.run([UNFREED, "heap", str(process.pid), "-f", "json", *map(str, options)],
                           capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 12, 14), 11))
def test_small_entries_beside_a_large_one(python, started):  # noqa: F811
    process = begin(python, started, "python_entries.py", "adds")
    growth = heap(process, "-i", 0.5, "--looks", 4)["growth"]
    rows = {row["name"]: row for row in growth["containers"]}
    state, modules = rows["__main__.STATE"], rows["sys.modules"]
    assert 0 < state["bytes"] < ENTRY_MOST * state["grown"], state
    assert 449 * rows["__main__.ROWS"]["grown"] < rows["__main__.ROWS"]["bytes"], rows
    assert rows["__main__.ROWS"]["bytes"] < 1.2 * ROW_BYTES * rows["__main__.ROWS"]["grown"], rows
    assert 0 < modules["bytes"] < MODULE_MOST * modules["grown"], modules


def held(look, names=("str", "tuple")):
    rows = {row["type"]: row["count"] for row in look["held_by_c_or_lost"]}
    return sum(rows.get(name, 0) for name in names)


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 12, 14), 11))
def test_what_classes_hold_is_not_forgotten(python, started):  # noqa: F811
    process = begin(python, started, "python_entries.py")
    before = held(heap(process))
    tell(process, str(CLASSES))
    assert truth_of(process) == [CLASSES]
    assert held(heap(process)) - before < CLASSES / 3
