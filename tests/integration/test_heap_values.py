# SPDX-License-Identifier: BSD-2-Clause
"""A value that is replaced by longer ones is told by `heap -i` and `why` under its name, and what is
replaced by any length is not (tests/programs/python_values.py)."""
import json
import re
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED
from pythons import choose, find_pythons, of_system, started, with_long  # noqa: F401

PYTHONS = find_pythons()
DECOYS = ("__main__.BUSY", "__main__.ANSWERS")
CONTAINERS = ("__main__.SEEN", "__main__.NAMES", "__main__.TABLE", "__main__.LAYERS.maps")


def begin_values(python, started, rate, threads):  # noqa: F811
    """The process, and {name: (type, function that replaces it)}; names by their beginning."""
    process = python.start("python_values.py", rate, threads)
    started.append(process)
    truth = json.loads(process.lines.until("^{"))
    process.lines.until("^ready$")
    return process, {name: (kind, function) for name, kind, function in truth.values()}


def replaced(process, path, interval=1, looks=6):
    subprocess.run([UNFREED, "heap", "-p", str(process.pid), "-o", path, "-i", str(interval),
                    "--looks", str(looks)], check=True, timeout=TIMEOUT + looks * interval)
    growth = json.loads(path.read_text())["growth"]
    return [row for row in growth["containers"] if row["replaced"]]


def kind_of(truth, name):
    """Of what a name begins with; None: of nothing that grows, or of what is in it, as the list of weak
    references is that pandas 2.2 fills below a frame."""
    return next((truth[one] for one in truth
                 if (name or "").startswith(one) and not name[len(one):].startswith(".")), None)


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 9, 11, 12, 13, 14), 14))
def test_values_that_are_replaced_by_longer_ones(python, started, tmp_path):  # noqa: F811
    process, truth = begin_values(python, started, rate=4, threads=1)
    found, false = {}, []
    for _ in range(3):  # any of them may be away at too many looks of six
        for row in replaced(process, tmp_path / "heap.json"):
            kind = kind_of(truth, row["name"])
            if kind and row["type"] == kind[0]:
                found[row["name"]] = row
            elif row["name"].startswith(DECOYS):
                false.append(row)
    missing = [name for name in truth if not any(one.startswith(name) for one in found)]
    assert len([name for name in missing if truth[name][0] in ("str", "bytes", "tuple")]) <= 2, \
        missing
    assert len(false) <= 1, false  # what goes up and down at random may go up five times
    for name, row in found.items():
        assert row["grown"] == 0 and 0 < row["bytes"] <= row["length"], row
        assert row["containers"] == 1 or "[*]" in name


def test_arrays_that_are_replaced_by_longer_ones(started, tmp_path):  # noqa: F811
    """A frame of pandas is replaced with all that is in it: it is told, not its array. The old one and
    the new one take turns in two places: at a rate that is no multiple of that of the looks, and which
    leaves most of these whole on a busy machine."""
    pytest.importorskip("pandas")
    process, truth = begin_values(of_system(), started, rate=1.3, threads=0)
    found = set()
    wanted = {(name, truth[name][0]) for name in ("__main__.ARRAY", "__main__.FRAME")}
    for _ in range(8):
        found |= {(row["name"], row["type"])
                  for row in replaced(process, tmp_path / "heap.json", interval=2)}
        if wanted <= found:
            break
    assert wanted <= found


def test_the_line_that_replaces_it(started, tmp_path):  # noqa: F811
    """In a small process, which is looked at often enough."""
    python = choose(PYTHONS, 12, 13, 11)[0].values[0]
    process, truth = begin_values(python, started, rate=8, threads=1)
    run = subprocess.run([UNFREED, "why", "-p", str(process.pid), "-d", "25", "-o", "why.json",
                          "-o", "-"], cwd=tmp_path, capture_output=True, text=True, check=True)
    print(run.stdout)
    findings = [finding for finding in json.loads((tmp_path / "why.json").read_text())["findings"]
                if finding["container"]]
    right, told = 0, set()
    for finding in findings:
        name = finding["container"]["name"] or ""
        assert not name.startswith(DECOYS), run.stdout
        if not kind_of(truth, name):
            continue
        assert finding["container"]["type"] == kind_of(truth, name)[0]
        if name in CONTAINERS:  # eight entries a second of 300 bytes at most, and their tables
            told.add(name)
            assert finding["verdict"].startswith("grows"), finding
            assert finding["bytes_per_hour"] < 20e6, finding
            continue
        assert "shorter" in finding["reason"] and finding["bytes_per_hour"] > 0
        right += any(fill["frames"][fill["own"]]["name"] == kind_of(truth, name)[1]
                     for fill in finding["filled_by"] if fill["own"] is not None)
    assert right >= 2, run.stdout
    assert told, run.stdout


@pytest.mark.parametrize("python", with_long(choose(PYTHONS, 8, 9, 11, 13, 14), 11, 13))
def test_a_list_below_what_is_replaced(python, started, tmp_path):  # noqa: F811
    """The way to it is torn at half of the looks, at which other ways lead there first: it has one name,
    that by which it is held."""
    process = python.start("python_torn.py", 800, 100)
    started.append(process)
    name = json.loads(process.lines.until('^"'))
    process.lines.until("^ready$")
    for _ in range(5):
        path = tmp_path / "heap.json"
        subprocess.run([UNFREED, "heap", "-p", str(process.pid), "-o", path, "-i", "0.4", "--looks",
                        "6"], check=True, timeout=TIMEOUT)
        rows = [row for row in json.loads(path.read_text())["growth"]["containers"]
                if row["type"] == "list" and row["grown"] > 20]
        assert [re.sub(r"\[\d+]", "[*]", row["name"]) for row in rows] == [name], rows
        assert 100 < rows[0]["grown"] < 1000, rows
