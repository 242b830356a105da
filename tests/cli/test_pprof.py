# SPDX-License-Identifier: BSD-2-Clause
"""The pprof tool of Go reads a saved profile, and compares two."""

import pathlib
import re
import shutil
import subprocess

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
SERVICE = GOLDEN / "service.pb.gz"  # saved by an earlier version
MAPPED = GOLDEN / "mapped.pb.gz"

pytestmark = pytest.mark.skipif(not shutil.which("go"), reason="no go (Debian: golang-go)")


@pytest.fixture
def pprof(tmp_path):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path),
                   "PPROF_TMPDIR": str(tmp_path), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}

    def run(*arguments):
        result = subprocess.run(["go", "tool", "pprof", *map(str, arguments)], timeout=180,
                                capture_output=True, text=True, env=environment)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def flat(report):
    """Function name -> flat value, as -top prints it with -unit=B or count."""
    rows = [line.split(None, 5) for line in report.splitlines()]
    return {row[5]: row[0] for row in rows if len(row) == 6 and row[1].endswith("%")}


def test_top_reads_live_bytes(pprof):
    report = pprof("-top", "-unit=B", SERVICE)
    assert "File: python3.11" in report and "Type: inuse_space" in report
    assert "Duration: 60s" in report
    rows = flat(report)
    assert rows["PyBytes_FromStringAndSize"] == "9800000B"
    assert rows["allocate (inline)"] == "2400000B"
    assert rows["[libssl.so.3+0x2f1a0]"] == "204800B"


def test_other_sample_types(pprof):
    rows = flat(pprof("-top", "-sample_index=inuse_objects", SERVICE))
    assert rows["PyBytes_FromStringAndSize"] == "2900"
    assert flat(pprof("-top", "-unit=B", "-sample_index=alloc_space", SERVICE))[
        "PyBytes_FromStringAndSize"] == "29400200B"


def test_labels_and_comments(pprof):
    tags = pprof("-tags", SERVICE)
    for label in ("comm:", "domain:", "pid:", "truncated:"):
        assert label in tags
    assert "unfreed/1 {" in pprof("-comments", SERVICE)


def test_diff_base(pprof):
    same = flat(pprof("-top", "-unit=B", f"-diff_base={SERVICE}", SERVICE))
    assert all(value == "0" for value in same.values())
    other = pprof("-top", "-unit=B", f"-diff_base={SERVICE}", GOLDEN / "wide.pb.gz")
    assert flat(other)["PyBytes_FromStringAndSize"] == "-9800000B"


def test_head_is_for_people(pprof):
    head = pprof("-top", MAPPED).split("flat%")[0].splitlines()
    assert "Build ID: 00112233aabbccdd" in head
    assert not [line for line in head if "{" in line or len(line) > 100]
    assert "#unfreed/1 {" in pprof("-comments", MAPPED)


def test_system_names_are_what_the_linker_knows(pprof):
    raw = pprof("-raw", MAPPED)
    # newer ones give a column too
    assert re.search(r"cache::put /src/app\.cc:12(:0)? s=0\(_ZN5cache3putEv\)", raw)
    assert "0x55550000120f M=1 cache::grow" in raw
    assert "1: 0x555500001000/0x555500004000/0x1000 /srv/app 00112233aabbccdd [FN][FL][LN][IN]" in raw
    assert "/srv/libstripped.so feed \n" in raw


def test_hostile_names(pprof):
    assert "$" in pprof("-top", GOLDEN / "hostile.pb.gz")
