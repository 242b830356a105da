# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap -i` lists what grows and nothing else, amid threads that allocate all the time and
containers that fill and empty (tests/programs/python_growth.py)."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import choose, find_pythons, started, with_long  # noqa: F401
from test_heap_names import look

PYTHONS = find_pythons()


def begin_growth(python, started, rate, threads):  # noqa: F811
    process = python.start("python_growth.py", rate, threads)
    started.append(process)
    truth = json.loads(process.lines.until("^{"))
    process.lines.until("^ready$")
    return process, {kind: names.split("|") for kind, names in truth.items()}


def grown(process, path, interval, looks):
    subprocess.run([UNFREED, "heap", "-p", str(process.pid), "-o", path, "-i", str(interval),
                    "--looks", str(looks)], check=True, timeout=TIMEOUT + looks * interval)
    return json.loads(path.read_text())["growth"]


def compare(truth, rows):
    """The kinds that are missing, and the rows that are of none."""
    names = [row["name"] or "" for row in rows]
    missing = [kind for kind, wanted in truth.items()
               if not any(name.startswith(tuple(wanted)) for name in names)]
    every = tuple(name for wanted in truth.values() for name in wanted)
    false = [(row["name"], row["type"]) for row in rows
             if not (row["name"] or "").startswith(every)]
    return missing, false


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 9, 11, 12, 14), 11, 14))
def test_all_that_grows_and_nothing_else(python, started, tmp_path):  # noqa: F811
    process, truth = begin_growth(python, started, rate=20, threads=2)
    growth = grown(process, tmp_path / "heap.json", 0.3, 6)
    rows = growth["containers"]
    missing, false = compare(truth, rows)
    assert len(false) <= 1, false  # what goes up and down at random may go up six times
    assert len(missing) <= 2, missing  # one may be torn in two looks of six
    assert len(truth) > 20
    sizes = [row["bytes"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    edges = {(edge["from"], edge["to"]): edge["count"] for edge in growth["edges"]}
    assert list(edges.values()) == sorted(edges.values(), reverse=True)
    # many lists get entries, a deque gets one at a time, a chain its links
    assert edges["list", "__main__.Entry"] > edges["collections.deque", "__main__.Entry"] > 0
    assert edges["__main__.Link", "__main__.Link"] > 0
    assert not any(count <= 0 for count in edges.values())


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 10, 11, 12, 13, 14), 11, 14))
def test_calls_at_exit(python, started, tmp_path):  # noqa: F811
    """The interpreter keeps them in an array of its own, in which one was given up here."""
    process = python.start("python_at_exit.py")
    started.append(process)
    process.lines.until("^ready$")
    rows = grown(process, tmp_path / "heap.json", 0.5, 6)["containers"]
    assert [row["name"] for row in rows] == ["calls of atexit"], rows
    held = look(process.pid, tmp_path / "held.json", "--holders", "__main__.Held")[0]
    assert held["holders"][0]["name"].startswith("calls of atexit["), held["holders"]
    assert held["holders"][0]["count"] > 100


@pytest.mark.long
@pytest.mark.parametrize("python", choose(PYTHONS, 8, 9, 10, 11, 12, 13, 14))
def test_growth_of_some_entries_a_second(python, started, tmp_path):  # noqa: F811
    process, truth = begin_growth(python, started, rate=4, threads=4)
    missed, wrong = [], []
    for _ in range(20):
        missing, false = compare(
            truth, grown(process, tmp_path / "heap.json", 0.5, 6)["containers"])
        missed += missing
        wrong += false
    assert len(missed) <= 20 * len(truth) // 50, missed
    assert len(wrong) <= 4, wrong
