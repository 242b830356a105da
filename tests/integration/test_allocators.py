# SPDX-License-Identifier: BSD-2-Clause
"""Every allocator, as a library, linked, preloaded and static."""
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, assert_exact, assert_functions, library, needs, program
from test_ledger import CASES

LINKED = ["musl", "musl-static", "static", "jemalloc", "tcmalloc", "mimalloc"]
# jemalloc has no pvalloc: its free cannot take what the libc's gives.
FAMILY = {"jemalloc": ["--without-pvalloc"], "libjemalloc.so.2": ["--without-pvalloc"]}
PRELOADED = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"]


@pytest.mark.parametrize("variant", LINKED)
def test_linked_family(measure, attach_any, variant):
    assert_exact(*measure(f"family.{variant}", *FAMILY.get(variant, []), options=attach_any))


@pytest.mark.parametrize("variant", LINKED)
def test_linked_rules(measure, variant):
    assert_exact(*measure(f"ledger.{variant}", "--case", "all"))


@pytest.mark.long
@pytest.mark.parametrize("variant", LINKED)
@pytest.mark.parametrize("case", CASES)
def test_linked_rule(measure, variant, case):
    truth, result = measure(f"ledger.{variant}", "--case", case)
    if not truth.get("refused"):
        assert_exact(truth, result)


@pytest.mark.parametrize("variant", LINKED)
def test_linked_churn(measure, variant):
    assert_exact(*measure(f"churn.{variant}", "--threads", 8, "--slots", 64, "--stacks", 100,
                          "--rounds", 20000))


@pytest.mark.parametrize("name", PRELOADED)
def test_preloaded_family(measure, attach_any, name):
    assert_exact(*measure("family", *FAMILY.get(name, []), preload=library(name), options=attach_any))


@pytest.mark.parametrize("name", PRELOADED)
def test_preloaded_rules(measure, name):
    assert_exact(*measure("ledger", "--case", "all", preload=library(name)))


@pytest.mark.long
@pytest.mark.parametrize("name", PRELOADED)
@pytest.mark.parametrize("case", CASES)
def test_preloaded_rule(measure, name, case):
    truth, result = measure("ledger", "--case", case, preload=library(name))
    if not truth.get("refused"):
        assert_exact(truth, result)


@pytest.mark.parametrize("name", PRELOADED)
def test_preloaded_churn(measure, name):
    assert_exact(*measure("churn", "--threads", 8, "--slots", 64, "--rounds", 20000,
                          preload=library(name)))


@pytest.mark.parametrize("variant", ["musl", "musl-static", "static", "jemalloc", "tcmalloc"])
def test_a_command_from_its_first_allocation(measure_command, variant):
    """The allocator may allocate for itself before main; the program's own blocks are exact."""
    truth, result = measure_command(f"family.{variant}", *FAMILY.get(variant, []))
    assert_functions(truth, result.by_leaf())


def test_jemallocs_own_functions(measure, attach_any):
    truth, result = measure("jemalloc_family", options=attach_any)
    assert truth["resized"] > 0
    assert_exact(truth, result)


def test_a_static_executable_without_symbols_says_so(record, tmp_path):
    """There is no way to find malloc in it: refused in one sentence."""
    stripped = tmp_path / "stripped"
    subprocess.run([needs("strip"), "-o", stripped, program("family.static")], check=True)
    with Target(stripped) as target:
        result = record(target, wait=False).wait()
    assert result.status == 3
    assert len(result.stderr.splitlines()) == 1
    assert "malloc" in result.stderr or "alloc" in result.stderr


def test_a_prefixed_allocator(measure):
    assert_exact(*measure("hidden_malloc"))


def test_a_stripped_prefixed_allocator_is_noticed(record, tmp_path):
    """Its functions cannot be found; what it holds is said to be missing, by record and doctor."""
    stripped = tmp_path / "stripped"
    subprocess.run([needs("strip"), "-o", stripped, program("hidden_malloc")], check=True)
    with Target(stripped) as target:
        recorder = record(target)
        target.go()
        truth = target.truth()
        doctor = subprocess.run([UNFREED, "doctor", str(target.pid)], capture_output=True, text=True,
                                timeout=TIMEOUT)
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert f"jemalloc in {stripped}" in result.stderr
    assert result.losses == {"allocator_unprobed": 1}
    assert result.totals["live_blocks"] == truth["by_function"]["leak_plain"]["live_blocks"]
    memory = result.report["memory"]
    assert memory["unexplained"] > 0.9 * truth["by_function"]["leak_hidden"]["live_bytes"]
    assert memory["unexplained_in"] == "anonymous"
    assert doctor.returncode == 0
    assert f"allocator {stripped} (jemalloc)\n  its functions have no names" in doctor.stdout
    assert "is in mappings that it made itself" in doctor.stdout


def test_a_library_loaded_later_with_its_own_malloc(record, attach_any):
    """-v says when the new file is probed; what was allocated by then is not this test's."""
    with Target("plugin", "--library", program("libbump.so")) as target:
        recorder = record(target, options=attach_any + ["-v"])
        target.go()
        target.lines.until("^loaded$")
        recorder.stderr.until(r"libbump\.so")
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert_functions(truth, result.by_leaf())


def test_a_command_that_loads_a_library(measure_command):
    """Without waiting: the program goes on at once, and its libc blocks stay exact."""
    truth, result = measure_command("plugin", "--library", program("libbump.so"))
    leaves = result.by_leaf()
    assert leaves["leak_beside"]["live_bytes"] == \
        truth["by_function"]["leak_beside"]["live_bytes"]
