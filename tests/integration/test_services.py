# SPDX-License-Identifier: BSD-2-Clause
"""The services and small programs of tests/services leak what they say they leak, their caches are
bounded, and the score that is made of their truth tells right from wrong."""
import copy
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from conftest import ROOT, TIMEOUT, Target, eventually

SERVICES = ROOT / "tests/services"
sys.path.insert(0, str(SERVICES))
from harness import (  # noqa: E402
    CACHES, FRAMEWORKS, KINDS, LEAKS, MODULES, PYTHON, Service, finish, leaks_of,
)  # fmt: skip
from score import GROWS, LEAK, Score, harm_done, name_matches, read_facts  # noqa: E402

pytestmark = pytest.mark.unprivileged
BUSY_SHARE = 0.7
SAID_OF_GROWN = (0.8, 1.05)  # a container's own growth is not counted


def test_measured():
    """tracemalloc agrees with what each leak says, and sees that each cache comes to an end."""
    if not (MODULES / "forgetful.abi3.so").exists():
        pytest.skip("there are no headers of Python to build forgetful.c with")
    run = subprocess.run([PYTHON, "-B", SERVICES / "measure.py"], capture_output=True, text=True,
                         timeout=TIMEOUT, env={**os.environ, "PYTHONPATH": str(MODULES)})
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    rough = {name for name, kind in KINDS.items() if kind.rough}
    assert set(found["leaks"]) == {*LEAKS, *KINDS} - {"requests"} - rough
    for name, sizes in found["leaks"].items():
        low, high = (share * sizes["grown"] for share in SAID_OF_GROWN)
        assert low < sizes["said"] < high, (name, sizes)
    for name, traced in found["caches"].items():
        assert traced[-1] - traced[-2] < 100_000, (name, traced)


def test_kinds_leak():
    """Twenty a second; each kind with all that it needs."""
    with Service("flask", KINDS, rate=20, caches=["lru_maxsize"]) as service:
        done = finish(service.load(rate=50, seconds=2))
        truth = service.truth()
    assert not done["errors"], done
    assert set(truth["leaks"]) == set(KINDS)
    for name, leak in truth["leaks"].items():
        assert leak["entries"] >= 15 and leak["bytes"] > 0, name
        assert [place["file"] for place in leak["places"]] == [str(SERVICES / "kinds.py")]


PROGRAM_ARGUMENTS = [
    "slow_leak.py 100 200", "stable.py", "not_malloc.py mappings", "not_malloc.py stacks",
    "free_lists.py dict", "free_lists.py context",
]  # fmt: skip


@pytest.mark.parametrize("words", PROGRAM_ARGUMENTS)
def test_program_tells_its_truth(words):
    name, *arguments = words.split()
    with Target(SERVICES / name, *arguments, wrap=[PYTHON, "-B"]) as target:
        target.go()
        first = target.truth()
        target.go()
        second = target.truth()
        assert target.finish() == 0
    for kind in ("leaks", "caches"):
        for name, subject in second[kind].items():
            assert subject["containers"] and subject["places"]
            assert subject.get("entries", 0) >= first[kind][name].get("entries", 0)
    assert second["leaks"] or second["caches"]


def test_fragments_are_not_returned():
    with Target("fragments") as target:
        truth = {"free_bytes": 0}
        deadline = time.monotonic() + TIMEOUT
        while truth["free_bytes"] < 1_000_000:
            assert time.monotonic() < deadline
            target.go()
            truth = target.truth()
        target.process.stdin.write("trim\n")
        target.process.stdin.flush()
        assert target.truth()["returned"] < truth["free_bytes"] / 4
        assert target.finish() == 0
    assert truth["kept_bytes"] <= truth["live_bytes"]


def has_worked(truth):
    return (truth["requests"] > 100 and len(truth["leaks"]) == 10 and
            all(leak["entries"] >= 40 for leak in truth["leaks"].values()) and
            all(cache["uses"] >= 20 for cache in truth["caches"].values()))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_service_is_busy_and_leaks(framework):
    with Service(framework, leaks_of(framework), rate=30) as service:
        busy = service.busy_seconds()
        load = service.load(rate=0)
        eventually(lambda: has_worked(service.truth()), "it hardly leaks")
        done = finish(load, end=True)
        truth = service.truth()
        busy = service.busy_seconds() - busy
    assert not done["errors"], done
    assert done["requests"] > 15
    assert busy / done["seconds"] > BUSY_SHARE
    assert set(truth["leaks"]) == set(leaks_of(framework)) and len(truth["leaks"]) == 10
    for name, leak in truth["leaks"].items():
        assert 40 <= leak["entries"] <= 30 * truth["uptime_s"], name
        assert leak["bytes"] >= 300 * leak["entries"], name
    assert set(truth["caches"]) == set(CACHES)
    assert all(cache["uses"] >= 20 for cache in truth["caches"].values())


def test_places_are_true():
    """Each line that is said to fill something is one of the function that is said to do it."""
    with Service("aiohttp", LEAKS, rate=0) as service:
        truth = service.truth()
    subjects = {**truth["leaks"], **truth["caches"]}
    assert set(subjects) == {*LEAKS, *CACHES}
    for name, subject in subjects.items():
        for place in subject["places"]:
            lines = pathlib.Path(place["file"]).read_text().splitlines()[:place["line"]]
            assert name in lines[-1].partition("# fills ")[2].split(", "), place
            defined = re.findall(r"^ *(?:async )?def (\w+)", "\n".join(lines), re.MULTILINE)
            assert place["function"].split(".")[-1] == defined[-1]


def test_stopping_a_service_shows():
    with Service("aiohttp", caches=()) as service:
        def harm():
            return harm_done(before, read_facts(service.pid, service.truth()), 500, 1 << 20)

        before = read_facts(service.pid, service.truth())
        assert harm() == []
        os.kill(service.pid, signal.SIGSTOP)
        os.waitpid(service.pid, os.WUNTRACED)
        assert harm_done(before, read_facts(service.pid, {"eintr": 0}), 500, 1 << 20) == [
            "the target is gone or stopped: T"]
        os.kill(service.pid, signal.SIGCONT)
        deadline = time.monotonic() + TIMEOUT
        while not harm():
            assert time.monotonic() < deadline
        assert harm() == ["1 waits of the target were disturbed"]


PLACE = {"function": "fill", "file": "/srv/services/leaks.py", "line": 7}
TRUTH = {
    "leaks": {"cache": {"containers": ["leaks.CACHE"], "places": [PLACE]},
              "chain": {"containers": ["leaks.CHAIN"], "places": [{**PLACE, "line": 9}]}},
    "caches": {"full": {"containers": ["caches.FULL"], "places": [{**PLACE, "line": 20}],
                        "full": True},
               "hour": {"containers": ["caches.HOUR"], "places": [{**PLACE, "line": 30}],
                        "full": False}},
}  # fmt: skip


def finding(verdict, name=None, line=None):
    frames = [{"name": "wait", "file": "/usr/lib/python3.11/queue.py", "line": 7, "own": False},
              {"name": "fill", "file": PLACE["file"], "line": line, "own": True}]
    fill = {"frames": frames, "own": 1, "count": 5}
    return {"verdict": verdict, "container": name and {"name": name, "type": "dict"},
            "stack": None, "filled_by": [fill] if line else []}


def score(*findings):
    return Score(copy.deepcopy(TRUTH), {"schema": "unfreed/why/1", "findings": list(findings)})


CACHE = finding(LEAK, "leaks.CACHE")
CHAIN = finding(GROWS, "leaks.CHAIN.head.next")


@pytest.mark.parametrize("findings, missed, accused, before", [
    ([CACHE, CHAIN], [], [], []),
    ([CHAIN, CHAIN, CACHE], [], [], []),
    ([finding("unexplained"), CACHE, CHAIN], [], [], []),
    ([finding("kept by the allocator"), CACHE, CHAIN], ["chain"], [], []),
    ([CACHE, finding(GROWS, line=9)], [], [], []),
    ([CACHE, finding(GROWS, line=8)], ["chain"], [], []),
    ([CACHE, finding(GROWS, "leaks.CHAINS")], ["chain"], [], []),
    ([CACHE, finding("filling cache", "leaks.CHAIN")], ["chain"], [], []),
    ([CACHE, finding(GROWS, "other.THING"), CHAIN], ["chain"], [], []),
    ([CACHE, CHAIN, finding(LEAK, "caches.HOUR.entries")], [], ["hour"], []),
    ([CACHE, finding(GROWS, "caches.HOUR"), CHAIN], ["chain"], [], []),
    ([CACHE, finding("filling cache", line=20), CHAIN], ["chain"], [], ["full"]),
    ([], ["cache", "chain"], [], []),
])  # fmt: skip
def test_score(findings, missed, accused, before):
    got = score(*findings)
    assert (got.missed, got.accused, got.before_leaks) == (missed, accused, before), str(got)
    assert got.passes == (not missed and not accused and not before)


def test_rates():
    """3600 bytes in a second are 12.96 MB in an hour."""
    truth = copy.deepcopy(TRUTH)
    truth["uptime_s"] = 10
    for leak in truth["leaks"].values():
        leak["bytes"] = 36_000
    findings = [{**CACHE, "bytes_per_hour": 14e6}, {**CHAIN, "bytes_per_hour": 3e6}]
    got = Score(truth, {"schema": "unfreed/why/1", "findings": findings})
    assert got.passes and list(got.misjudged) == ["chain"]


def test_score_of_a_look():
    growth = {"containers": [{"name": "leaks.CHAIN.head"}, {"name": "leaks.CACHE"}]}
    assert Score(TRUTH, {"schema": "unfreed/heap/1", "growth": growth}).passes
    assert not Score(TRUTH, {"schema": "unfreed/heap/1", "growth": None}).passes


@pytest.mark.parametrize("name, wanted, same", [
    ("leaks.CHAIN.head.next", "leaks.CHAIN", True),
    ("Chain.head of leaks.CHAIN", "leaks.CHAIN", True),
    ("leaks.CHAIN[*]: Node", "leaks.CHAIN", True),
    ("old.leaks.CHAIN", "leaks.CHAIN", False),
    ("leaks.CHAINS", "leaks.CHAIN", False),
    (None, "leaks.CHAIN", False),
])  # fmt: skip
def test_names(name, wanted, same):
    assert name_matches(name, wanted) == same
