# SPDX-License-Identifier: BSD-2-Clause
"""Bytes in buffers count to the container that holds them, within 2 % of what the program says
(tests/programs/python_buffers.py)."""
import json

import pytest

from pythons import choose, find_pythons, of_system, started  # noqa: F401
from test_heap_names import look

PYTHONS = find_pythons()


def held(python, started, path, *arguments):  # noqa: F811
    """{name: (bytes that the program says, bytes that we say)}"""
    process = python.start("python_buffers.py", *arguments)
    started.append(process)
    truth = json.loads(process.lines.until("^{"))
    process.lines.until("^ready$")
    report, _ = look(process.pid, path)
    ours = {one["name"]: one["bytes"] for one in report["containers"]}
    return {name: (size, ours.get(name)) for name, size in truth.items()}


def assert_close(sizes):
    wrong = {name: sizes for name, sizes in sizes.items()
             if not sizes[1] or abs(sizes[1] - sizes[0]) > sizes[0] // 50}
    assert not wrong


@pytest.mark.parametrize("python", choose(PYTHONS, 8, 11, 12, 14))
def test_buffers_count_to_their_holder(python, started, tmp_path):  # noqa: F811
    sizes = held(python, started, tmp_path / "heap.json")
    assert len(sizes) > 6
    assert_close(sizes)


def test_memory_of_c_behind_many(started, tmp_path):  # noqa: F811
    sizes = held(of_system(), started, tmp_path / "heap.json", "sqlite")
    size, ours = sizes.pop("__main__.DATABASES")
    assert size > 5e6
    assert 0.99 * size < ours < 1.06 * size  # Python's own part of them is beside malloc's
    assert_close(sizes)


def test_arrays_of_numpy_and_pandas(started, tmp_path):  # noqa: F811
    pytest.importorskip("pandas")
    sizes = held(of_system(), started, tmp_path / "heap.json", "numpy")
    assert len(sizes) > 10
    assert_close(sizes)


@pytest.mark.long
def test_tensors_of_torch(started, tmp_path):  # noqa: F811
    """Of Debian's python3-torch, which takes 600 MB and is not among what the tests need."""
    pytest.importorskip("torch")
    sizes = held(of_system(), started, tmp_path / "heap.json", "torch")
    assert sizes["__main__.LARGE"][0] == 24000000
    assert_close(sizes)
