# SPDX-License-Identifier: BSD-2-Clause
"""The ranking that verdicts are compared with, by hand."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "services"))
from cork import best_threshold, ranks  # noqa: E402


def test_what_grows_is_ranked_by_how_long_and_how_much():
    looks = [{"leak": 100, "still": 50, "once": 10}, {"leak": 110, "still": 50, "once": 40},
             {"leak": 121, "still": 50, "once": 40}]
    found = ranks(looks)
    assert abs(found["leak"] - (1 * 0.1 + 2 * 0.1)) < 1e-9
    assert abs(found["once"] - 3) < 1e-9 and "still" not in found


def test_what_shrinks_falls_and_what_shrinks_much_begins_anew():
    looks = [{"a": 100, "b": 100}, {"a": 120, "b": 120}, {"a": 114, "b": 60}]
    found = ranks(looks)
    assert abs(found["a"] - (0.2 - (120 / 114 - 1))) < 1e-9 and found["b"] == 0


def test_the_threshold_that_suits_it_best():
    judged = [({"Entry": 5, "str": 1}, {"Entry"}), ({"Entry": 3}, set()), ({"int": 9}, set())]
    assert best_threshold(judged)[0] == 2
    assert best_threshold(judged[:2]) == (2, 3)
