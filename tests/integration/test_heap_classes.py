# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` counts objects of C++ by class (tests/programs/cpp_classes.cpp): with symbols, and
stripped; without RTTI; static; at fixed addresses. Looking costs the process no page."""
import json
import pathlib
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Lines, Target, program

BUILDS = ["plain", "stripped", "no-rtti", "static-stripped", "no-pie"]


class Classes(Target):
    """Tells its truth before it is ready, and after each line that it reads."""

    def __init__(self, build):
        super().__init__(f"cpp_classes.{build}")
        self.made = json.loads(self.lines.seen[0])


def look(pid, path, *options):
    subprocess.run([UNFREED, "heap", "-p", str(pid), "-o", path, *options], check=True,
                   timeout=TIMEOUT)
    return json.loads(path.read_text())


def classes_of(report):
    return {row["name"]: [row["count"], row["bytes"]] for row in report["types"]
            if row["language"] == "c++"}


def pages_of(pid):
    """Minor and major faults, what is resident, and what is its own. Who shares pages of files
    depends on what else runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return fields[7:11:2], [line for line in rollup.splitlines()
                            if line.startswith(("Rss", "Private_Dirty", "Shared_Dirty", "Anonymous"))]


@pytest.mark.parametrize("build", BUILDS)
def test_objects_by_class(build, tmp_path):
    with Classes(build) as target:
        assert sum(count for count, _ in target.made.values()) == 6600
        report = look(target.pid, tmp_path / "heap.json")
        assert classes_of(report) == target.made
        sizes = [row["bytes"] for row in report["types"]]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.alone  # another test's probes for all processes make pages of code private
def test_looking_costs_no_page(tmp_path):
    with Classes("plain") as target:
        target.go()
        target.truth()  # so that it has a buffer to read into
        before = pages_of(target.pid)
        look(target.pid, tmp_path / "heap.json")
        assert pages_of(target.pid) == before


def test_growth_by_class(tmp_path):
    with Classes("stripped") as target:
        path = tmp_path / "heap.json"
        first = look(target.pid, path)
        path.rename(tmp_path / "first.json")
        target.go()
        made = target.truth()
        second = look(target.pid, path, "--diff", str(tmp_path / "first.json"))
        grown, = second["growth"]["types"]
        name = "shop::Cache<unsigned int, 16>"
        assert grown == {"name": name, "count": 100, "bytes": made[name][1] - target.made[name][1]}
        assert classes_of(first)[name][0] + 100 == classes_of(second)[name][0]


def test_growth_between_looks(tmp_path):
    with Classes("no-rtti") as target:
        process = subprocess.Popen(
            [UNFREED, "heap", "-p", str(target.pid), "-f", "json", "-i", "1", "--looks", "3"],
            stdout=subprocess.PIPE, text=True)
        lines = Lines(process.stdout)
        made = 0
        while process.poll() is None:
            target.go()
            target.truth()
            made += 100
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        report = json.loads(lines.rest())
        grown, = report["growth"]["types"]
        assert grown["name"] == "shop::Cache<unsigned int, 16>"
        assert 0 < grown["count"] <= made and grown["count"] % 100 == 0


def test_libraries_of_python(tmp_path):
    """Objects of a C++ library in a process of Python stand beside those of Python."""
    library = program("libcpp_classes.so")
    code = ("import ctypes,sys; made=ctypes.CDLL(sys.argv[1]).make_all(); "
            "print('ready',flush=True); sys.stdin.read()")
    process = subprocess.Popen(["/usr/bin/python3", "-c", code, library], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        lines = Lines(process.stdout)
        lines.until("^ready$")
        made = json.loads(lines.seen[0])
        report = look(process.pid, tmp_path / "heap.json")
        found = classes_of(report)
        assert {name: found.get(name) for name in made} == made
        assert {row["language"] for row in report["types"]} == {"c++", "python"}
    finally:
        process.kill()
        process.communicate()
