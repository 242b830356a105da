# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed diff` from the outside: two saved files in, every format out, what cannot be compared
refused."""

import gzip
import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNFREED = os.environ.get("UNFREED", TOP / "build" / "unfreed")
GOLDEN = TOP / "tests" / "golden"
pytestmark = pytest.mark.unprivileged


def diff(*arguments, **options):
    return subprocess.run([UNFREED, "diff", *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, **options)


def assert_refused(result, *words, status=2):
    assert result.returncode == status, result.stderr
    assert result.stderr.startswith("unfreed: ") and result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    assert result.stdout == ""


def test_a_profile_is_what_its_report_in_json_is():
    result = diff(GOLDEN / "service.pb.gz", GOLDEN / "service.json", "-f", "json")
    assert result.returncode == 0 and result.stderr == ""
    found = json.loads(result.stdout)
    assert found["schema"] == "unfreed/diff/1" and found["of"] == "profiles"
    assert len(found["entries"]) == 4
    assert {(entry["outcome"], entry["bytes"]) for entry in found["entries"]} == {("same", 0)}


def test_both_directions_are_each_other():
    """What comes in one goes in the other."""
    there = json.loads(diff(GOLDEN / "deep.pb.gz", GOLDEN / "wide.pb.gz", "-f", "json").stdout)
    back = json.loads(diff(GOLDEN / "wide.pb.gz", GOLDEN / "deep.pb.gz", "-f", "json").stdout)
    assert there["total"]["bytes"] == -back["total"]["bytes"] > 0

    def changes(found, sign):
        return {entry["id"]: sign * entry["bytes"] for entry in found["entries"]}

    assert changes(there, 1) == changes(back, -1)
    assert sum(changes(there, 1).values()) == there["total"]["bytes"]


def test_kinds():
    for names, kind in [(("heap.json", "heap-growth.json"), "looks"),
                        (("why.json", "why-early.json"), "answers")]:
        result = diff(*(GOLDEN / name for name in names), "-f", "json")
        assert result.returncode == 0 and json.loads(result.stdout)["of"] == kind


def test_files_and_formats(tmp_path):
    names = ["a.txt", "a.folded", "a.html", "a.json"]
    result = diff(GOLDEN / "deep.pb.gz", GOLDEN / "wide.pb.gz", *(f"-o{tmp_path / name}" for name in names))
    assert result.returncode == 0 and result.stdout == ""
    for name in names:
        status = (tmp_path / name).stat()
        assert status.st_size > 100 and stat.S_IMODE(status.st_mode) == 0o600
    for line in (tmp_path / "a.folded").read_text().splitlines():
        stack, before, after = line.rsplit(" ", 2)
        assert stack and int(before) + int(after) > 0
    assert "    156 more\n" in diff(GOLDEN / "deep.pb.gz", GOLDEN / "wide.pb.gz", "--top", "3").stdout


def test_names_are_escaped():
    result = diff(GOLDEN / "hostile.pb.gz", GOLDEN / "service.pb.gz")
    assert result.returncode == 0
    assert not any(byte < " " and byte != "\n" for byte in result.stdout)
    back = json.loads(diff(GOLDEN / "hostile.pb.gz", GOLDEN / "service.pb.gz", "-f", "json").stdout)
    assert any("\x1b" in frame["name"] for entry in back["entries"] for frame in entry["frames"])


@pytest.mark.parametrize("names", [("hostile.pb.gz", "service.pb.gz"), ("hostile.json", "deep.pb.gz"),
                                   ("why.json", "why-early.json"), ("heap.json", "heap-empty.json")])
def test_the_page_holds_no_foreign_markup(names):
    """Names are text, the policy knows what is ours, and nothing is loaded."""
    page = diff(*(GOLDEN / name for name in names), "-f", "html").stdout
    assert "default-src 'none'" in page and "unsafe" not in page
    assert page.count("<script") == (2 if names[0].startswith("hostile") else 0)
    assert "alert(1)</script>" not in page and not re.search(r"<[^<>]*\b(src|href)=", page)
    assert not any(byte < " " and byte not in "\n\t" for byte in page)


def test_fail_above():
    names = GOLDEN / "why-early.json", GOLDEN / "why.json"
    result = diff(*names, "--fail-above", "1MB/h")
    assert result.returncode == 1 and "too early" in result.stderr and "total" in result.stdout
    again = diff(names[1], names[1], "--fail-above", "0")
    assert again.returncode == 0 and again.stderr == ""
    looks = diff(GOLDEN / "heap.json", GOLDEN / "heap.json", "--fail-above", "1MB/h")
    assert looks.returncode == 1 and "of one process" in looks.stderr
    profiles = diff(GOLDEN / "deep.pb.gz", GOLDEN / "service.pb.gz", "--fail-above", "500MB/h")
    assert profiles.returncode == 1 and "grows faster" in profiles.stderr
    assert diff(GOLDEN / "deep.pb.gz", GOLDEN / "service.pb.gz", "--fail-above", "1 GB/h").returncode == 0
    assert_refused(diff(*names, "--fail-above", "1MB/d"), "1MB/h")


def test_suppressions(tmp_path):
    known = tmp_path / "known"
    known.write_text("# a cache\nleak:^load_user$\nleak:libcache.so*\nleak:libssl\nleak:none\n")
    names = GOLDEN / "deep.pb.gz", GOLDEN / "service.pb.gz"
    result = diff(*names, "--suppressions", known, "-f", "json", "--fail-above", "100MB/h")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert [one["entries"] for one in found["suppressed"]] == [2, 1, 1, 0]
    assert not any(entry["outcome"] == "came" for entry in found["entries"])
    known.write_text("leak:^load_user$\n")
    result = diff(*names, "--suppressions", known, "--fail-above", "100MB/h")
    assert result.returncode == 1
    assert "View.handle (views.py:88) grows faster" in result.stderr
    known.write_text("race:x\n")
    assert_refused(diff(*names, "--suppressions", known), str(known), "line 1")
    assert_refused(diff(*names, "--suppressions", tmp_path / "none"), "cannot read")
    assert_refused(diff(*names, "--suppressions", "/dev/zero"), "cannot read /dev/zero")


def test_what_cannot_be_compared_is_refused(tmp_path):
    service = GOLDEN / "service.pb.gz"
    assert_refused(diff(service), "two files")
    assert_refused(diff(service, service, service), "two files")
    assert_refused(diff(service, tmp_path / "none"), "cannot read", "none")
    assert_refused(diff(service, GOLDEN / "why.html"), "why.html", "nothing that diff compares")
    assert_refused(diff(service, GOLDEN / "heap.json"), "a look of heap", "a profile of record")
    assert_refused(diff(GOLDEN / "why.json", GOLDEN / "heap.json"), "two of a kind")
    assert_refused(diff(GOLDEN / "why.json", GOLDEN / "why.json", "-f", "folded"), "two profiles")
    assert_refused(diff(service, service, "-f", "dot"), "no format")
    assert_refused(diff(service, "/dev/null"), "nothing that diff compares")
    assert_refused(diff(service, tmp_path), "cannot read")


@pytest.mark.parametrize("name", ["service.pb.gz", "service.json", "heap.json", "why.json"])
def test_what_was_cut_is_refused(name, tmp_path):
    whole = (GOLDEN / name).read_bytes()
    for part in (0.1, 0.5, 0.9):
        cut = tmp_path / name
        cut.write_bytes(whole[:int(len(whole) * part)])
        assert_refused(diff(GOLDEN / name, cut), str(cut))


def test_a_profile_of_others_is_refused(tmp_path):
    other = tmp_path / "other.pb.gz"
    other.write_bytes(gzip.compress(b""))
    assert_refused(diff(other, GOLDEN / "service.pb.gz"), str(other))


def test_an_output_that_cannot_be_written():
    result = diff(GOLDEN / "service.pb.gz", GOLDEN / "service.pb.gz", "-o", "/proc/none/a.txt")
    assert_refused(result, "cannot write /proc/none/a.txt", status=1)
