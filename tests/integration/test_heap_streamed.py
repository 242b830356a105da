# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a process of which --max-memory holds a part alone: the same answers as with
room for all of it."""
import json

import pytest

from pythons import (  # noqa: F401
    begin, choose, find_pythons, prefer, started, tell, truth_of, with_long,
)  # fmt: skip
from test_heap_holders import heap, look

PYTHONS = find_pythons()
MEGABYTES = 50
LITTLE = "16"


def both(process, *options):
    """With room for all, and with little."""
    whole, part = look(process, *options), look(process, *options, "--max-memory", LITTLE)
    assert "piece by piece" not in (whole["python"]["note"] or "")
    assert "piece by piece" in part["python"]["note"]
    return whole, part


def rows(report):
    """What a frame computes with may be a leftover, and is another at each look."""
    return {row["name"]: row for row in report["holders"]
            if not (row["name"] or "frame of").startswith("frame of ")}


@pytest.fixture
def process(request, started):  # noqa: F811
    return begin(request.param, started, "python_holders.py", MEGABYTES)


# from here on: where values of instances are differs in each of these
ALL = pytest.mark.parametrize(
    "process", with_long(choose(PYTHONS, 8, 11, 12, 13, 14), 11, 14), indirect=True)


@ALL
def test_ways_of_a_type(process):
    whole, part = both(process, "--holders", "__main__.Event")
    whole, part = rows(whole), rows(part)
    assert len(whole) >= 7
    assert {name: row["count"] for name, row in part.items()} == \
        {name: row["count"] for name, row in whole.items()}
    for name in ("__main__.ENGINE.by_user[*][*]", "__main__.QUEUE[*]", "__main__.price[*]"):
        assert part[name]["bytes"] == pytest.approx(whole[name]["bytes"], rel=0.15)
    name = "__main__.ENGINE.by_user[*][*]"
    assert part[name]["chain"] == whole[name]["chain"]
    whole, part = both(process, "--holders", "Link")
    assert {name: row["count"] for name, row in rows(part).items()} == \
        {"__main__.HEAD": 1, "__main__.HEAD.next": 499}
    for name, row in rows(part).items():
        assert row["bytes"] == pytest.approx(rows(whole)[name]["bytes"], rel=0.02)
    _, part = both(process, "--holders", "Cyclic")  # one or two may be in a stale word
    assert rows(part)["garbage: nothing reaches it but itself"]["count"] in (9, 10, 11)


@ALL
def test_what_refers_to_one_object(process):
    tell(process)
    truth = truth_of(process)
    for what in ("__main__.LONELY", "Lonely", hex(truth["lonely"]), "__main__.ENGINE.rows",
                 "__main__.ALIASES[1]", "__main__.ENGINE.by_user['user3']"):
        whole, part = both(process, "--holders", what)
        assert {name: row["count"] for name, row in rows(part).items()} == \
            {name: row["count"] for name, row in rows(whole).items()}, what
        asked = part["asked"][0]
        for key in ("address", "type", "length", "name", "of"):
            assert asked[key] == whole["asked"][0][key]
        assert asked["bytes"] == pytest.approx(whole["asked"][0]["bytes"], rel=0.3)
    whole, part = both(process, "--holders", "__main__.ENGINE.by_user[*]")
    assert {name: row["count"] for name, row in rows(part).items()} == \
        {"__main__.ENGINE.by_user[*]": 20}
    closure = [row["name"] for row in both(process, "--holders", "Event")[0]["holders"]
               if row["name"].startswith("local kept of make_handler")]
    whole, part = both(process, "--holders", closure[0].removesuffix("[*]"))
    assert rows(part).keys() == rows(whole).keys()


@ALL
def test_nothing_of_that_name(process):
    for what in ("Nothing", "__main__.ENGINE.nothing", "0x10", "__main__.ENGINE.rows[99]"):
        error = heap(process, "-f", "json", "--holders", what, "--max-memory", LITTLE, status=3)
        assert f'"{what}" was found' in error.stderr


@pytest.mark.parametrize("process", prefer(PYTHONS, 11), indirect=True)
def test_of_very_many_some(process):
    """75,000 floats and more: some are looked at for all."""
    whole, part = both(process, "--holders", "float")
    name = "__main__.FILL[*][*][*]"
    assert rows(part)[name]["count"] == pytest.approx(rows(whole)[name]["count"], rel=0.03)
    assert part["uncertain"]["sampled"] > 70000
    assert not whole["uncertain"]["sampled"]


BOUNDED = ("__main__.FULL", "__main__.LRU", "__main__.SAW", "__main__.POOL", "__main__.SESSIONS")


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 11))
def test_growth_of_many_alike(python, started):
    """Fifty short lists under one name; a heap, whose first entry is another at each look."""
    target = python.start("python_growth.py", 20, 1, MEGABYTES)
    started.append(target)
    truth = json.loads(target.lines.next("names"))
    target.lines.until("^ready$")
    report = look(target, "-i", "0.8", "--looks", "7", "--max-memory", LITTLE)
    grown = report["growth"]["containers"]
    names = {row["name"] for row in grown}
    expected = set(truth.values()) - {truth["chain"], truth["replaced"], truth["thread's local"],
                                      truth["handler"]}
    missing = {name for name in expected
               if not any((found or "").startswith(name) for found in names)}
    assert len(missing) <= 1 and {"__main__.USERS[*]", "__main__.TREE"} <= names, (missing, names)
    users = [row for row in grown if row["name"] == "__main__.USERS[*]"]
    # those that got an entry in half of the looks: on a busy machine not all of the fifty
    assert len(users) == 1 and users[0]["containers"] > 5 and users[0]["address"] == 0
    rate = users[0]["grown"] / [row for row in grown if row["name"] == "__main__.LIST"][0]["grown"]
    assert 0.5 < rate < 6.5  # at most five for each entry of the others
    assert not [name for name in names if (name or "").startswith(BOUNDED)]


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 11))
def test_growth_of_chains(python, started):
    """Links that come by the thousand between two looks, as their chains from a root's side."""
    target = python.start("python_chains.py", MEGABYTES)
    started.append(target)
    truth = json.loads(target.lines.until("^{"))
    target.lines.until("^ready$")
    report = look(target, "-i", "0.4", "--looks", "4", "--max-memory", LITTLE)
    assert "piece by piece" in report["python"]["note"]
    grown = report["growth"]["containers"]
    for kind, name in truth.items():
        found = [row for row in grown if (row["name"] or "").startswith(name.removesuffix(".next"))]
        assert len(found) == 1, (kind, grown)
        assert found[0]["grown"] > 0 and found[0]["type"] == found[0]["of"]
    assert not [row for row in grown if "FIXED" in (row["name"] or "")]


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 11, 13, 14), 13))
def test_garbage(python, started):
    process = begin(python, started, "python_garbage.py", MEGABYTES)
    for word in ("cycles", "generators", "held"):
        tell(process, word)
        truth_of(process)
    whole, part = both(process)
    whole = {row["type"]: row["count"] for row in whole["garbage"]}
    part = {row["type"]: row["count"] for row in part["garbage"]}
    for name in ("__main__.Node", "__main__.Slotted", "generator"):
        assert part[name] == pytest.approx(whole[name], rel=0.1)
    assert part["list"] == pytest.approx(whole["list"], rel=0.6)  # by twelve of them
    assert "__main__.Held" not in part and "float" not in part
    tell(process, "collect")
    truth_of(process)
    _, part = both(process)
    assert not {row["type"] for row in part["garbage"]} & {"__main__.Node", "generator", "list"}
    tell(process, "save")
    saved = truth_of(process)["garbage"]
    whole, part = both(process)
    rows_of = [[(row["type"], row["count"]) for row in report["garbage"]
                if row["why"] == "saved"] for report in (whole, part)]
    assert sorted(rows_of[0]) == sorted(rows_of[1])
    assert sum(count for _, count in rows_of[1]) == saved
    tell(process, "freeze")
    truth_of(process)
    whole, part = both(process)
    assert part["gc"]["frozen"] == whole["gc"]["frozen"] > 1000
