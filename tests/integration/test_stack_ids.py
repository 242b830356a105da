# SPDX-License-Identifier: BSD-2-Clause
"""Stacks have the same ids in every run of a program, wherever it is loaded and whatever its path."""
import pathlib
import shutil

import pytest

from conftest import program
from pythons import of_system, run, started  # noqa: F401: a fixture

STACKS = 100


def is_randomized():
    return pathlib.Path("/proc/sys/kernel/randomize_va_space").read_text().strip() == "2"


def own_stacks(report, leaf):
    """{id: (chain of names, live blocks)} of the stacks that a function of the program's ends."""
    rows = [stack for stack in report["stacks"] if stack["frames"][-1]["name"] == leaf]
    found = {stack["id"]: ([frame["name"] for frame in stack["frames"]], stack["live_blocks"])
             for stack in rows}
    assert len(found) == len(rows)
    assert all(len(id) == 16 and int(id, 16) for id in found)
    return found


def starts(report):
    return {module["path"]: module["start"] for module in report["modules"]}


@pytest.mark.parametrize("moved", [False, True], ids=["again", "elsewhere"])
def test_runs_of_a_program_share_ids(measure, tmp_path, moved):
    path = program("tables")
    _, first = measure(path, "--blocks", 3 * STACKS, "--stacks", STACKS)
    if moved:
        (tmp_path / "elsewhere").mkdir()
        path = pathlib.Path(shutil.copy(path, tmp_path / "elsewhere"))
    _, second = measure(path, "--blocks", 3 * STACKS, "--stacks", STACKS)
    ids = own_stacks(first.report, "branch_leaf")
    assert len(ids) == STACKS
    assert own_stacks(second.report, "branch_leaf") == ids
    if is_randomized():
        assert starts(first.report) != starts(second.report)


def test_runs_of_an_interpreter_share_ids(record, started):  # noqa: F811
    """Those of Python's objects, whose stacks are the same in each run of the script."""
    ids = []
    for _ in range(2):
        _, _, result = run(of_system(), started, record, "python_kinds.py", 1000,
                           options=["--python", "exact"])
        ids.append({stack["id"]: stack["live_blocks"] for stack in result.report["stacks"]
                    if stack["domain"] == "python" and stack["live_blocks"] >= 900})
    assert len(ids[0]) > 3
    assert ids[0].keys() == ids[1].keys()
