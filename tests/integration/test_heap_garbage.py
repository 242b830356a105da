# SPDX-License-Identifier: BSD-2-Clause
"""Garbage in cycles, what C code holds, and what the collector says of itself: against programs
that make so much of each and say so."""
import contextlib
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import (  # noqa: F401
    begin, choose, find_pythons, prefer, started, tell, truth_of, with_long,
)  # fmt: skip

PYTHONS = find_pythons()
ROUND = 1000
# Some builds leave a few objects behind in stale words of their stacks.
SLACK = 8
MADE = {
    "cycles": {"Node": ROUND, "Slotted": 2 * ROUND, "list": ROUND, "str": ROUND},
    "tracebacks": {"Caught": ROUND, "traceback": ROUND, "frame": ROUND},
    "closures": {"function": ROUND, "cell": ROUND, "tuple": ROUND},
    "generators": {"generator": ROUND, "list": ROUND},
    "classes": {"type": ROUND // 10, "tuple": 2 * ROUND // 10, "dict": ROUND // 10},
}
# Of what C code has a reference to a part of: the rest of it.
PINNED = {
    "cell": 0, "function": 0, "generator": 0, "Slotted": 0, "weakref": 0, "ReferenceType": 0,
    "weakref.ReferenceType": 0, "list": 0, "Node": ROUND // 5, "frame": ROUND // 10,
    "Caught": ROUND // 10,
}  # fmt: skip


def heap(process, *options):
    found = subprocess.run([UNFREED, "heap", str(process.pid), "-f", "json", *map(str, options)],
                           capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def do(process, *words):
    tell(process, " ".join(words))
    return truth_of(process)


def garbage(look, why="cycle"):
    return {row["type"].removeprefix("__main__."): row["count"]
            for row in look["garbage"] if row["why"] == why}


def assert_grew(before, after, expected):
    """More by what was made, but for a few that something still holds or another look found."""
    grown = {name: after.get(name, 0) - before.get(name, 0) for name in expected}
    for name, count in expected.items():
        assert abs(grown[name] - count) <= SLACK, (name, grown)


def assert_gc(gc, truth):
    assert gc["enabled"] == truth["enabled"]
    assert [row["threshold"] for row in gc["generations"]] == truth["threshold"]
    # what prints the truth makes objects itself
    assert [row["count"] for row in gc["generations"]][1:] == truth["count"][1:]
    assert abs(gc["generations"][0]["count"] - truth["count"][0]) < 50
    for row, stats in zip(gc["generations"], truth["stats"]):
        assert {key: row[key] for key in stats} == stats
    assert gc["frozen"] == truth["frozen"]
    assert gc["has_frozen"] == (truth["frozen"] > 0)


@pytest.mark.parametrize("python", with_long(PYTHONS, 11, 14))
def test_garbage_of_all_kinds(python, started):  # noqa: F811
    process = begin(python, started, "python_garbage.py")
    do(process, "collect", "freeze", "unfreeze")
    look = heap(process)
    assert not garbage(look)
    for kind, expected in MADE.items():
        truth = do(process, kind)
        before, look = garbage(look), heap(process)
        assert_grew(before, garbage(look), expected)
        assert_gc(look["gc"], truth)
    assert not look["uncertain"]["no_room"]
    before = garbage(look)
    do(process, "pinned")
    assert_grew(before, garbage(heap(process)), PINNED)
    truth = do(process, "kept", "collect")
    look = heap(process)
    assert sum(garbage(look).values()) <= SLACK
    assert_gc(look["gc"], truth)


@pytest.mark.parametrize("python", with_long(PYTHONS, 11, 14))
def test_saved_and_frozen(python, started):  # noqa: F811
    process = begin(python, started, "python_garbage.py")
    truth = do(process, "collect", "save")
    look = heap(process)
    saved = garbage(look, "saved")
    assert saved["Saved"] == ROUND
    assert sum(saved.values()) == truth["garbage"]
    truth = do(process, "cycles", "freeze")
    look = heap(process)
    assert_grew({}, garbage(look, "frozen"), {"Node": ROUND, "list": ROUND})
    assert_gc(look["gc"], truth)
    assert truth["frozen"] > 3 * ROUND
    truth = do(process, "unfreeze", "enable")
    assert_gc(heap(process)["gc"], truth)


def look_while(process, path, *words):
    """Looks again and again at a process that does something all the while. Returns the look, and
    how often it was done."""
    looking = subprocess.Popen([UNFREED, "heap", str(process.pid), "-i", "0.1", "--looks", "8",
                                "-o", path])
    rounds = 0
    while looking.poll() is None:
        do(process, *words)
        rounds += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            looking.wait(0.1)
    assert looking.returncode == 0
    return json.loads(path.read_text()), rounds


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 11, 14))
def test_what_c_code_holds(python, started, tmp_path):  # noqa: F811
    """References that nobody gives back: objects that modules do not reach, and that are no
    garbage."""
    process = begin(python, started, "python_garbage.py")
    grown, rounds = look_while(process, tmp_path / "look.json", "held", "kept")
    look = heap(process)
    held = {row["type"]: row for row in look["held_by_c_or_lost"]}
    assert abs(held["__main__.Held"]["count"] - rounds * ROUND) <= SLACK
    assert "__main__.Held" not in garbage(look)
    most = grown["held_by_c_or_lost"][0]
    assert most["type"] == "__main__.Held" and 0 < most["grown"] <= rounds * ROUND, most
    assert grown["growth"]["garbage_bytes"] < 4096


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 11, 14))
def test_garbage_is_no_leak(python, started, tmp_path):  # noqa: F811
    """What grows because nothing is collected is told apart from what fills up."""
    process = begin(python, started, "python_garbage.py")
    look, _ = look_while(process, tmp_path / "look.json", "cycles", "tracebacks", "kept")
    growth = look["growth"]
    assert [row["name"] for row in growth["containers"] if not row["garbage"]] == ["__main__.KEPT"]
    assert not growth["collected"]
    types = {row["name"]: row["bytes"] for row in growth["types"]}
    made = sum(types[f"__main__.{name}"] for name in ("Node", "Slotted", "Caught"))
    assert growth["garbage_bytes"] > made > 0
    assert min(garbage(look)[name] for name in ("Node", "Slotted", "Caught", "frame")) >= ROUND
    held = [row for row in look["held_by_c_or_lost"] if row["type"].startswith("__main__.")]
    assert sum(row["count"] for row in held) <= SLACK, held  # the look may come between two steps


def test_says_that_the_collector_is_off(started):  # noqa: F811
    process = begin(prefer(PYTHONS, 11)[0].values[0], started, "python_garbage.py")
    do(process, "cycles")
    found = subprocess.run([UNFREED, "heap", str(process.pid)], capture_output=True, text=True,
                           timeout=TIMEOUT, check=True)
    assert "collector of cycles is off" in found.stdout
    assert "garbage 1,000 __main__.Node" in found.stdout or "2,000 __main__.Slotted" in found.stdout
