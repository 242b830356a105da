# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a Python without pools: each object is a block of malloc."""
import pytest

from heaps import EXPECTED, Leak, check_names, look
from pythons import choose, find_pythons, prefer, with_long, with_system

WITHOUT_POOLS = {"PYTHONMALLOC": "malloc"}
BESIDE_CLASSES = {"__main__.PAIR[1]", "__main__.MANY[4]", "__main__.BY_CLASS[*]",
                  "__main__.NEIGHBOURS[*][*].rows"}


@pytest.mark.parametrize("room", ["512", "16"])
@pytest.mark.parametrize("python", with_long(choose(find_pythons(), 8, 12, 13), 13))
def test_names_without_pools(python, room, tmp_path):
    with Leak(python, 60, environment=WITHOUT_POOLS) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", room)
        assert "blocks of malloc" in report["python"]["note"]
        assert ("piece by piece" in report["python"]["note"]) == (room == "16")
        check_names(report)


@pytest.mark.parametrize("python", prefer(find_pythons(), 13))
def test_what_is_made_while_it_is_looked_at(python, tmp_path):
    """Blocks are gone through after their memory was copied: an entry that was made meanwhile has
    no length yet, and is not one that gets longer."""
    with Leak(python, 40, rate=10000, environment=WITHOUT_POOLS) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.1", "--looks", "3")
        names = {row["name"] for row in report["growth"]["containers"]}
        assert "__main__.HISTORY" in names
        assert "__main__.HISTORY[*]" not in names


@pytest.mark.parametrize("python", prefer(find_pythons(), 11))
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


@pytest.mark.parametrize("allocator, room", [
    ("debug", "16"), ("malloc_debug", "512"),
    pytest.param("debug", "512", marks=pytest.mark.long),
    pytest.param("malloc_debug", "16", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "python", with_long(with_system(choose(find_pythons(), 8, 11, 12, 13)), 11))
def test_allocators_for_debugging(python, allocator, room, tmp_path):
    """With marks around each block: what lies between them is told as without."""
    with Leak(python, 50, environment={"PYTHONMALLOC": allocator}) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", room)
        note = report["python"]["note"] or ""
        assert "PYTHONMALLOC=debug" not in note
        assert ("piece by piece" in note) == (room == "16")
        if allocator == "debug":
            check_names(report)
        grown = {row["name"]: row["type"] for row in report["growth"]["containers"]}
        assert EXPECTED.items() <= grown.items()
        target.pause()
        report, _ = look(target, tmp_path / "look.json", "--max-memory", room)
        types = {row["name"]: row["count"] for row in report["types"]}
        floats = target.count + 2000 * 50000 // (433 + 2 * 116 + 8 * 5 + 264) // 1000 * 1000
        assert types["float"] == pytest.approx(floats, rel=0.05)


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug", "pymalloc"])
@pytest.mark.parametrize(
    "python", with_long(with_system(choose(find_pythons(), 8, 11, 12, 13, 14)), 11))
def test_names_beside_classes(python, allocator, tmp_path):
    """A class behind a small number is not taken for an object that has what follows it."""
    with Leak(python, 4, "python_classes_beside.py",
              environment={"PYTHONMALLOC": allocator}) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", "16")
        assert "piece by piece" in report["python"]["note"]
        assert BESIDE_CLASSES <= {row["name"] for row in report["growth"]["containers"]}
