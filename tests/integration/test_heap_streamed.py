# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a process of which --max-memory holds a part alone: the same answers as with
room for all of it."""
import json
import subprocess

import pytest

from conftest import UNFREED
from pythons import begin, choose, find_pythons, started, tell, truth_of, with_long  # noqa: F401

PYTHONS = find_pythons()
MEGABYTES = 50
LITTLE = "16"


def look(process, *options, status=0):
    found = subprocess.run([UNFREED, "heap", str(process.pid), "-f", "json", *map(str, options)],
                           capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == status, found.stderr
    return json.loads(found.stdout) if not status else found.stderr


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
    "process", with_long(choose(PYTHONS, 8, 11, 12, 13, 14), 11, 13, 14), indirect=True)


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
        error = look(process, "--holders", what, "--max-memory", LITTLE, status=3)
        assert f'"{what}" was found' in error


@pytest.mark.parametrize("process", choose(PYTHONS, 11), indirect=True)
def test_of_very_many_some(process):
    """75,000 floats and more: some are looked at for all."""
    whole, part = both(process, "--holders", "float")
    name = "__main__.FILL[*][*][*]"
    assert rows(part)[name]["count"] == pytest.approx(rows(whole)[name]["count"], rel=0.03)
    assert part["uncertain"]["sampled"] > 70000
    assert not whole["uncertain"]["sampled"]
