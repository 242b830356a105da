# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a Python without pools: each object is a block of malloc."""
import pytest

from heaps import Leak, check_names, look
from pythons import choose, find_pythons, with_long

WITHOUT_POOLS = {"PYTHONMALLOC": "malloc"}


@pytest.mark.parametrize("room", ["512", "16"])
@pytest.mark.parametrize("python", with_long(choose(find_pythons(), 8, 12, 13), 13))
def test_names_without_pools(python, room, tmp_path):
    with Leak(python, 60, environment=WITHOUT_POOLS) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", room)
        assert "blocks of malloc" in report["python"]["note"]
        assert ("piece by piece" in report["python"]["note"]) == (room == "16")
        check_names(report)


@pytest.mark.parametrize("python", choose(find_pythons(), 11))
def test_types_without_pools(python, tmp_path):
    """A float for each entry of HISTORY, 2000 for each three lists of the filling."""
    with Leak(python, 10, environment=WITHOUT_POOLS) as target:
        target.pause()
        report, _ = look(target, tmp_path / "look.json")
        types = {row["name"]: row for row in report["types"]}
        lists = [row for row in report["containers"] if row["name"] == "__main__.FILL"][0]
        floats = target.count + 2000 * lists["length"] // 3
        assert floats <= types["float"]["count"] <= floats + 200
        # in blocks of 24 bytes that may be used
        assert types["float"]["bytes"] == pytest.approx(24 * types["float"]["count"], rel=0.01)


def test_allocator_for_debugging(tmp_path):
    """It is said that objects are missing; the rest of the look is there."""
    python = choose(find_pythons(), 11)[0].values[0]
    with Leak(python, 5, environment={"PYTHONMALLOC": "debug"}) as target:
        report, _ = look(target, tmp_path / "look.json")
        assert "PYTHONMALLOC=debug" in report["python"]["note"]
        assert report["memory"]["resident_bytes"] > 5e6
