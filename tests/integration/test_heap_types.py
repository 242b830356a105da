# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` counts objects by type as the process itself does: those that the garbage
collector lists are equal in number, of others there are as many at least as can be reached."""
import ctypes
import json
import os
import pathlib
import re

import pytest

from conftest import eventually
from pythons import choose, find_pythons, started, tell, with_long  # noqa: F401
from test_heap_names import begin_graphs, look

PYTHONS = find_pythons()
# Static types, empty tuples, and dictionaries of keys alone are not on the collector's lists.
UNLISTED = ("type", "tuple", "dict")
# Of each of these code refers to some, which the collector does not know of.
OF_CODE = ("str", "tuple", "bytes", "int", "code")
MADE = ("decimal.Decimal", "collections.deque", "set", "datetime.timedelta", "array.array", "bytes")
SYS_PAUSE = "34 "
SYS_PROCESS_MADVISE = 440
MADV_PAGEOUT = 21


def count(process):
    tell(process, "count")
    return json.loads(process.lines.until("^{"))


def counts_of(report):
    counts = {}
    for row in report["types"]:
        counts[row["name"]] = counts.get(row["name"], 0) + row["count"]
    return counts


def resident_bytes(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss: +(\d+) kB", rollup, re.M)[1]) * 1024


def compare_tracked(python, started, path):
    """(what is wrong, our counts, the truth) of a process of its own."""
    process, _ = begin_graphs(python, started)
    count(process)  # once, for what counting itself leaves
    ours = counts_of(look(process.pid, path)[0])
    truth = count(process)
    wrong = {name: (number, ours.get(name)) for name, number in truth["tracked"].items()
             if number >= 100 and ours.get(name) != number and name not in UNLISTED}
    return wrong, ours, truth


@pytest.mark.parametrize("python", PYTHONS)
def test_types_are_those_of_the_collector(python, started, tmp_path):  # noqa: F811
    """Where the executable lies at low addresses, a word may look like a count of references by chance
    of where things are: one object of 50,000 too many in one process of fourteen."""
    for _ in range(3):
        wrong, ours, truth = compare_tracked(python, started, tmp_path / "heap.json")
        if not wrong:
            break
    assert not wrong
    assert sum(number >= 100 for number in truth["tracked"].values()) > 15
    wrong = {name: (number, ours.get(name)) for name, number in truth["reached"].items()
             if number >= 100 and name not in OF_CODE
             and not number <= ours.get(name, 0) <= number + max(15, number // 50)}
    assert not wrong
    assert all(ours[name] >= truth["reached"][name] for name in OF_CODE)
    assert 0.9 * truth["blocks"] < sum(ours.values()) < 1.02 * truth["blocks"]


@pytest.mark.parametrize("python", choose(PYTHONS, 8, 11, 13, 14))
def test_what_a_child_has_not_touched_has_its_name(python, tmp_path):
    """Names of types lie among the constants of files, which are not mapped in a process that was
    just forked. They are read from the files, so that it has no more of them than before."""
    process = python.start("python_untouched.py")
    try:
        child = int(process.lines.until(r"^\d+$"))
        waiting = pathlib.Path(f"/proc/{child}/syscall")
        eventually(lambda: waiting.read_text().startswith(SYS_PAUSE), "the child never waited")
        resident = resident_bytes(child)
        ours = {pid: counts_of(look(pid, tmp_path / "heap.json")[0])
                for pid in (process.pid, child)}
        assert resident_bytes(child) == resident
    finally:
        process.communicate()
    assert not [name for name in ours[child] if name.startswith("type at")]
    for name in MADE:
        assert ours[child][name] >= 1000
        assert ours[child][name] == pytest.approx(ours[process.pid][name], abs=2)


class Range(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


def page_out_variables(pid):
    """What a process has not written of the variables of its program and libraries, as the kernel does
    where memory is scarce."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    process = os.pidfd_open(pid)
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        start, end, access, path = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \d+ *(.*)", line).groups()
        if access == "rw-p" and path.startswith("/"):
            start, end = int(start, 16), int(end, 16)
            done = call(SYS_PROCESS_MADVISE, process, ctypes.byref(Range(start, end - start)), 1,
                        MADV_PAGEOUT, 0)
            assert done == end - start, os.strerror(ctypes.get_errno())
    os.close(process)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another's pages from memory")
@pytest.mark.parametrize("python", choose(PYTHONS, 8, 11, 13, 14))
def test_what_the_kernel_has_in_its_cache_does_not_count(python, started, tmp_path):  # noqa: F811
    """Objects that lie in the variables of files, as keyword names of C functions do."""
    process, _ = begin_graphs(python, started)
    count(process)
    before = counts_of(look(process.pid, tmp_path / "heap.json")[0])
    page_out_variables(process.pid)
    resident = resident_bytes(process.pid)
    assert counts_of(look(process.pid, tmp_path / "heap.json")[0]) == before
    assert resident_bytes(process.pid) == resident


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 11, 14))
def test_what_is_kept_is_exact_at_every_look(python, started, tmp_path):  # noqa: F811
    """In one of three processes, as above: where things are stays as it is in each."""
    for _ in range(3):
        process, _ = begin_graphs(python, started, threads=4)
        kept = count(process)["tracked"]["__main__.Entry"]
        assert kept > 40000
        seen = [counts_of(look(process.pid, tmp_path / "heap.json")[0])["__main__.Entry"]
                for _ in range(5)]
        if set(seen) == {kept}:
            break
    assert set(seen) == {kept}


@pytest.mark.long
@pytest.mark.parametrize("python", choose(PYTHONS, 8, 11, 13, 14))
def test_a_thousand_looks_at_eight_busy_threads(python, started, tmp_path):  # noqa: F811
    """No crash, no hang; what is kept is exact, and has its name."""
    process, truth = begin_graphs(python, started, threads=8)
    kept = count(process)["tracked"]["__main__.Entry"]
    wanted = {length: name for length, name in truth.values() if name}
    for _ in range(1000):
        report, _ = look(process.pid, tmp_path / "heap.json")
        assert counts_of(report)["__main__.Entry"] == kept
        names = {}
        for one in report["containers"]:
            names.setdefault(one["length"], []).append(one["name"] or "")
        assert not {name: names[length] for length, name in wanted.items() if length in names
                    and not any(found.startswith(name) for found in names[length])}
