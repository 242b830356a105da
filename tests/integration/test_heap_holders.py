# SPDX-License-Identifier: BSD-2-Clause
"""Who holds objects of a type, and the one that has a name or an address: against a program that
holds so many in each way."""
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import begin, find_pythons, prefer, started, tell, truth_of, with_long  # noqa: F401

PYTHONS = find_pythons()
WAYS = {
    "__main__.ENGINE.by_user[*][*]": 200,
    "__main__.ENGINE.rows[*]": 40,
    "__main__.QUEUE[*]": 30,
    "__main__.price[*]": 25,
    "__main__.Engine.limit[*]": 3,
}


def heap(process, *options, status=0, environment=()):
    found = subprocess.run([UNFREED, "heap", str(process.pid), *map(str, options)],
                           capture_output=True, text=True, timeout=TIMEOUT, check=False,
                           env={**os.environ, **dict(environment)})
    assert found.returncode == status, found.stderr
    return found


def look(process, *options):
    return json.loads(heap(process, "-f", "json", *options).stdout)


def holders(process, what):
    found = look(process, "--holders", what)
    assert found["asked_for"] == what
    assert {row["of"] for row in found["holders"]} == {what}
    # what a frame computes with may be a leftover: 3.14 does not clear it
    return {row["name"]: row["count"] for row in found["holders"]
            if not row["name"].startswith("frame of ")}, found


@pytest.fixture
def process(request, started):  # noqa: F811
    return begin(request.param, started, "python_holders.py")


ALL = pytest.mark.parametrize("process", with_long(PYTHONS, 8, 11, 14), indirect=True)
SOME = pytest.mark.parametrize("process", prefer(PYTHONS, 11), indirect=True)


@ALL
def test_ways_of_a_type(process):
    ways, found = holders(process, "__main__.Event")
    rows = [name for name in ways if name.startswith("__main__.ALIASES")]
    if rows:  # up to 3.10 it is nearer to the root
        ways["__main__.ENGINE.rows[*]"] = ways.pop(rows[0])
    closure = [name for name in ways if name.startswith("local kept of make_handler (python_ho")]
    thread = [name for name in ways
              if re.match(r"local mine of wait \(.*\)(, thread \d+)?\[\*]", name)]
    assert ways.pop(closure[0]) == 7
    assert ways.pop(thread[0]) == 5
    assert ways == WAYS
    counts = [row["count"] for row in found["holders"]]
    assert counts == sorted(counts, reverse=True)
    chain = found["holders"][0]["chain"]
    assert [(step["edge"], step["type"]) for step in chain] == [
        ("", "module"), (".ENGINE", "__main__.Engine"), (".by_user", "dict"), ("[*]", "list"),
        ("[*]", "__main__.Event")]
    assert chain[0]["name"] == "__main__"
    ways, found = holders(process, "Link")
    assert ways == {"__main__.HEAD": 1, "__main__.HEAD.next": 499}
    all_links = {row["name"]: row["bytes"] for row in found["holders"]}["__main__.HEAD"]
    assert 500 * 32 <= all_links <= 500 * 64
    ways, _ = holders(process, "Cyclic")  # one may stand in a stale word of a stack
    assert ways["garbage: nothing reaches it but itself"] in (10, 11)


@ALL
def test_what_refers_to_one_object(process):
    tell(process)
    truth = truth_of(process)
    for what in ("__main__.LONELY", "Lonely", hex(truth["lonely"])):
        ways, found = holders(process, what)
        assert ways == {"__main__.LONELY": 1, "__main__.KEEPERS[*]": 1,
                        "__main__.KEEPERS[*][*]": 2}, what
        assert [row["address"] for row in found["asked"]] == [truth["lonely"]]
    for what in ("__main__.ENGINE.rows", "__main__.ALIASES[1]"):  # also by a name not its first
        ways, found = holders(process, what)
        assert ways == {"__main__.ENGINE.rows": 1, "__main__.ALIASES[*]": 2}
        asked = found["asked"][0]
        assert (asked["address"], asked["type"], asked["length"]) == (truth["rows"], "list", 40)
        assert asked["of"] == [{"type": "__main__.Event", "count": 40}]
    ways, found = holders(process, "__main__.ENGINE.by_user[*]")
    assert ways == {"__main__.ENGINE.by_user[*]": 20}
    ways, found = holders(process, "__main__.ENGINE.by_user['user3']")
    assert len(found["asked"]) == 1 and found["asked"][0]["length"] == 10


@ALL
def test_caches(process):
    """Hits, misses and bounds are those of cache_info()."""
    tell(process)
    found = {row["name"]: row for row in look(process)["containers"]}
    for name, info in truth_of(process)["caches"].items():
        row = found["__main__." + name]
        assert row["type"] == "functools._lru_cache_wrapper"
        assert (row["hits"], row["misses"]) == (info["hits"], info["misses"])
        assert (row["length"], row["bound"]) == (info["currsize"], info["maxsize"])


@SOME
def test_text_is_one_screen(process):
    lines = heap(process, "--holders", "Event").stdout.splitlines()
    assert len(lines) < 24 and max(map(len, lines)) <= 80
    assert re.search(r"^ +200 +[\d.]+ kB  __main__.ENGINE.by_user\[\*]\[\*]$", "\n".join(lines),
                     re.MULTILINE)
    assert "ways more: --top N" in heap(process, "--holders", "Event", "--top", "2").stdout


@SOME
def test_nothing_of_that_name(process):
    for what in ("Nothing", "__main__.ENGINE.nothing", "0x10", "", "[*]", "[0]",
                 "__main__.ENGINE.rows[99]"):
        found = heap(process, "--holders", what, status=3)
        assert len(found.stderr.splitlines()) == 1 and f'"{what}" was found' in found.stderr


@SOME
def test_drawings(process, tmp_path):
    dot = tmp_path / "holders.dot"
    heap(process, "--holders", "Event", "-o", dot)
    text = dot.read_text()
    assert text.startswith("digraph holders {") and 'label=".by_user"' in text
    assert "__main__.Engine" in text and text.count("{") == text.count("}") == 1
    drawer = tmp_path / "bin"
    drawer.mkdir()
    found = heap(process, "--holders", "Event", "-o", tmp_path / "a.svg", status=1,
                 environment={"PATH": str(drawer)})
    assert "dot of graphviz is not installed" in found.stderr
    assert not (tmp_path / "a.svg").exists()
    (drawer / "dot").write_text("#!/bin/sh\n[ \"$*\" = -Tsvg ] && echo '<svg>' && /bin/cat\n")
    (drawer / "dot").chmod(0o755)
    heap(process, "--holders", "Event", "-o", tmp_path / "b.svg",
         environment={"PATH": str(drawer)})
    assert (tmp_path / "b.svg").read_text() == "<svg>\n" + text
    found = heap(process, "-o", tmp_path / "c.svg", status=2)
    assert "--holders" in found.stderr


@SOME
@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
def test_graphviz_draws_it(process, tmp_path):
    heap(process, "--holders", "Event", "-o", tmp_path / "a.svg")
    assert "</svg>" in (tmp_path / "a.svg").read_text()
