# SPDX-License-Identifier: BSD-2-Clause
"""Workers of a Python that forks: each is followed, whether it was killed, lives, or took the place of
one that was killed."""
import pytest

from pythons import choose, find_pythons, run, started  # noqa: F401: a fixture

PYTHONS = find_pythons()
INLINING = [python for python in PYTHONS if python.values[0].inlines]


def bytes_at_work(report, pid):
    return sum(stack["live_bytes"] for stack in report["stacks"] if stack["pid"] == pid
               and any(frame["name"] == "work" for frame in stack["frames"]))


@pytest.fixture
def follow(record, started):  # noqa: F811
    """The truths of the three workers, the killed one first, and the report."""
    def run_followed(python, *options):
        process, workers, result = run(python, started, record, "python_forks.py",
                                       options=["--follow-forks", *options])
        assert not result.losses
        assert {target["pid"] for target in result.report["targets"]} == \
            {process.pid, *(pid for pid, _, _ in workers)}
        return workers, result.report
    return run_followed


def mode_of(report):
    [mode] = {target["python"]["mode"] for target in report["targets"]}
    return mode


@pytest.mark.parametrize("python", choose(PYTHONS, 8, 12) + INLINING)
def test_exact(python, follow):
    workers, report = follow(python, "--python", "exact")
    assert mode_of(report) == "exact"
    for pid, asked, _ in workers:
        seen = bytes_at_work(report, pid)
        print(f"{python}: worker {pid} {seen} of {asked} bytes")
        assert asked <= seen <= 1.001 * asked  # 3.8 keeps the frame object of a function


@pytest.mark.parametrize("python", choose(PYTHONS, 8, 12) + INLINING[:1])
def test_automatic(python, follow):
    """Pools, where the interpreter inlines its allocator: what they hold is rounded."""
    workers, report = follow(python)
    assert mode_of(report) == ("pools" if python.inlines else "exact")
    for pid, asked, rounded in workers:
        seen, expected = bytes_at_work(report, pid), rounded if python.inlines else asked
        print(f"{python}: worker {pid} {seen} of {expected} bytes")
        assert 0.98 * expected <= seen <= 1.02 * expected
