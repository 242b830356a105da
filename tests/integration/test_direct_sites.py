# SPDX-License-Identifier: BSD-2-Clause
"""One probe inside of malloc instead of two around it: the same figures, wherever it is found."""
import os
import pathlib
import re
import subprocess
import time

import pytest

from conftest import BUILD, UNFREED, Target, assert_exact, library, program
from pythons import put_whole

SUITES = ["trixie", "sid"]
CHURN = ["--threads", 8, "--slots", 64, "--stacks", 100, "--rounds", 20000]


def suite_root(suite):
    root = (BUILD / "roots" / suite).resolve()
    if not (root / "tmp").is_dir():
        pytest.skip(f"no Debian {suite} is unpacked here")
    return root


def libc_is_mapped(pid):
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    return "/sleep\n" in maps and "/libc" in maps


def suite_target(suite, name, *args):
    """A program under another release of glibc."""
    root = suite_root(suite)
    put_whole(program(name), root / "tmp" / name)
    return Target(pathlib.Path("/tmp") / name, *args, wrap=["/usr/sbin/chroot", root])


def direct_sites(pid):
    """What doctor lists: for each function that has some, how many of each kind."""
    said = subprocess.run([UNFREED, "doctor", "-p", str(pid)], capture_output=True, text=True,
                          check=True).stdout
    found = {}
    for function, role, kind in re.findall(r"^  (\w+), (direct|note) +\S+ +(\S+)", said,
                                           re.MULTILINE):
        assert kind == "emulated"
        found.setdefault(function, []).append(role)
    return found


def measured(record, target, options):
    recorder = record(target, options=options)
    target.go()
    truth = target.truth()
    return truth, recorder.stop()


@pytest.mark.parametrize("sites", ["auto", "direct", "entry"])
@pytest.mark.parametrize("preload", [None, "libjemalloc.so.2", "libmimalloc.so.2"])
def test_both_ways(measure, preload, sites):
    assert_exact(*measure("churn", *CHURN, preload=preload and library(preload),
                          options=["--sites", sites]))


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("suite", SUITES)
def test_other_releases_of_glibc(record, suite, threads):
    """One thread takes other ways through malloc than several do."""
    with suite_target(suite, "churn", *CHURN[2:], "--threads", threads) as target:
        assert_exact(*measured(record, target, []))


def test_where_there_are_some():
    """Else all of the above shows nothing."""
    with Target("churn", "--rounds", 1) as target:
        found = direct_sites(target.pid)
        assert "direct" in found["malloc"] and "direct" in found["calloc"]
    with Target("churn", "--rounds", 1, preload=library("libjemalloc.so.2")) as target:
        assert "direct" in direct_sites(target.pid)["malloc"]


@pytest.mark.parametrize("suite", ["bullseye", *SUITES])
def test_where_there_are_some_in_other_releases(suite):
    """glibc 2.31 calls hooks, which may be anything."""
    process = subprocess.Popen(["/usr/sbin/chroot", suite_root(suite), "sleep", "1000"])
    try:
        while os.readlink(f"/proc/{process.pid}/root") == "/" or not libc_is_mapped(process.pid):
            time.sleep(0.01)
        assert ("malloc" in direct_sites(process.pid)) == (suite != "bullseye")
    finally:
        process.kill()
        process.wait()


def test_a_kind_that_there_is_not():
    done = subprocess.run([UNFREED, "record", "-p", "1", "--sites", "some"], capture_output=True,
                          text=True)
    assert done.returncode == 2
    assert 'takes auto, direct, entry or both, not "some"' in done.stderr
