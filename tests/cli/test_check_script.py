# SPDX-License-Identifier: BSD-2-Clause
"""scripts/check counts what cmocka prints, also of programs that end early."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "check"
LOADER = SourceFileLoader("check", str(SCRIPT))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", LOADER))
LOADER.exec_module(check)


def kinds(text):
    return [(kind, name) for kind, name, _ in check.parse_tap(text)]


def test_counts_passed_failed_and_skipped():
    tap = "1..3\nhello\nok 1 - a\nnot ok 2 # SKIP b\nnot ok 3 - c\n# 1 != 2\n# not ok - t\n"
    assert kinds(tap) == [("ok", "a"), ("skipped", "b"), ("not ok", "c")]


def test_diagnostics_belong_to_the_failure_before_them():
    assert list(check.parse_tap("1..1\nsaid\nnot ok 1 - a\n# 1 != 2\n")) == [
        ("not ok", "a", ["said", "# 1 != 2"])
    ]


def test_missing_results_are_failures():
    assert kinds("1..3\nok 1 - a\n") == [("ok", "a"), ("not ok", "test 2"), ("not ok", "test 3")]


def test_last_words_are_told_once():
    said = "the program ended before this test did"
    assert [lines for _, _, lines in check.parse_tap("1..3\nok 1 - a\n==7==ERROR: leak\n")] == [
        [], [said, "==7==ERROR: leak"], [said],
    ]  # fmt: skip


def test_groups_add_up():
    assert kinds("1..1\nok 1 - a\n# ok - t\n1..1\nok 1 - b\n") == [("ok", "a"), ("ok", "b")]


def test_lines_repeated_by_a_forked_child_count_once():
    assert kinds("1..2\nok 1 - a\n1..2\nok 1 - a\nok 2 - b\n") == [("ok", "a"), ("ok", "b")]
