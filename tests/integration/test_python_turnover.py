# SPDX-License-Identifier: BSD-2-Clause
"""A full cache that turns over allocates, and does not grow: the report says so."""
import pytest

from pythons import choose, find_pythons, run, started  # noqa: F401: a fixture

PYTHONS = find_pythons()
FEW = choose(PYTHONS, 8, 11, 13, 14)
COUNT = 20000
CLASS_BYTES = 144  # of a block that holds bytes(100)

if not PYTHONS:
    pytest.skip("no CPython 3.8 to 3.14 here", allow_module_level=True)


def turn_over(python, started, record, mode, text):  # noqa: F811
    _, truth, result = run(python, started, record, "python_turnover.py", COUNT,
                           options=["--python", mode, "-o", text])
    [target] = result.report["targets"]
    own = target["python"]["own_count"]
    net = result.report["totals"]["net_bytes"]
    print(f"{python} {mode}: {result.totals['live_bytes']} not freed, net {net}, "
          f"own {own['last']['blocks'] - own['first']['blocks']}")
    assert abs(own["last"]["blocks"] - own["first"]["blocks"] - truth["grown_blocks"]) < 100
    assert result.totals["live_bytes"] >= truth["bytes"]
    return truth, result, net


@pytest.mark.parametrize("python", FEW)
def test_sizes_of_older_blocks_are_known(python, record, started, tmp_path):  # noqa: F811
    text = tmp_path / "report.txt"
    truth, result, net = turn_over(python, started, record, "exact", text)
    report = result.report
    assert COUNT <= report["unknown_frees"] <= COUNT + 100
    assert report["unknown_frees"] - report["unknown_sized_frees"] <= 100
    assert abs(report["unknown_sized_bytes"] - COUNT * CLASS_BYTES) <= 0.02 * COUNT * CLASS_BYTES
    assert abs(net) < 0.15 * truth["bytes"]
    assert "most of it took the place of that" in " ".join(text.read_text().split())


@pytest.mark.parametrize("python", FEW)
def test_pools_go_by_the_interpreters_own_count(python, record, started, tmp_path):  # noqa: F811
    text = tmp_path / "report.txt"
    truth, _, net = turn_over(python, started, record, "pools", text)
    if python.minor == 8:  # does not count bytes
        assert net is None
        return
    assert abs(net) < 0.15 * truth["bytes"]
    assert "most of it took the place of that" in " ".join(text.read_text().split())
