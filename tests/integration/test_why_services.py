# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed why` and `unfreed heap` on busy services: what leaks is named first, what behaves is not
accused, and the service does not notice. Short forms here, all frameworks and rates in the long."""
import json
import re
import statistics
import subprocess
import sys

import pytest

from conftest import ROOT, UNFREED, Target

SERVICES = ROOT / "tests/services"
sys.path.insert(0, str(SERVICES))
from harness import FRAMEWORKS, KINDS, PYTHON, Service, finish, leaks_of  # noqa: E402
from score import GROWS, LEAK, Score, harm_done, read_facts  # noqa: E402

MOST_COST_PERCENT = 1.0
COST_SECONDS = 120  # the looks that a watch begins with cost more than its part of a shorter one
SHORT_SECONDS = 30
SECONDS_OF_RATE = {30: 120, 1: 600}
WARM_REQUESTS = 100
ROUNDS = 5
ROUND_SECONDS = 10


def has_command(name):
    run = subprocess.run([UNFREED, "--help"], capture_output=True, text=True)
    return f"\n  {name} " in run.stdout


def ask(command, pid, path, *options):
    """The JSON that a command wrote about a process."""
    run = subprocess.run([UNFREED, command, "-p", str(pid), "-o", path, *map(str, options)],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(path.read_text())


def warm_up(service):
    while service.truth()["requests"] < WARM_REQUESTS:
        assert service.process.poll() is None, service.log()


def watch(service, path, seconds):
    """The score of `why`, what it did to the service, and its report."""
    worker = service.workers[0]
    before = read_facts(worker, service.truth())
    report = ask("why", worker, path, "-d", seconds)
    truth = service.truth()
    after = read_facts(worker, truth)
    score = Score(truth, report)
    print(score)
    return score, harm_done(before, after, faults=10**9, slack_bytes=10**9), report


def check_memory(score, report):
    """As of the end, where no look that finds names may have been affordable."""
    parts = {part["name"]: part["resident_bytes"] for part in report["memory"]["parts"]}
    kept = sum(leak["bytes"] for leak in score.truth["leaks"].values())
    assert abs(sum(parts.values()) - report["memory"]["resident_bytes"]) <= 0.005 * sum(parts.values())
    assert 0.7 * kept < parts["python_live"] + parts["malloc_live"]


def watch_framework(framework, rate, seconds, path):
    with Service(framework, leaks_of(framework), rate=rate) as service:
        load = service.load()
        warm_up(service)
        score, harm, report = watch(service, path, seconds)
        done = finish(load, end=True)
    assert score.passes, str(score)
    check_memory(score, report)
    assert not lost_types(report)
    assert not harm
    assert not done["errors"], done
    assert report["cost_percent"] <= MOST_COST_PERCENT or seconds < COST_SECONDS
    assert not score.misjudged or seconds < COST_SECONDS


needs_why = pytest.mark.skipif(not has_command("why"), reason="there is no `unfreed why` yet")


@needs_why
@pytest.mark.alone  # half a minute is little where a compiler takes both processors
def test_ten_leaks(tmp_path):
    watch_framework("django", 30, SHORT_SECONDS, tmp_path / "why.json")


@needs_why
@pytest.mark.long
@pytest.mark.parametrize("rate", SECONDS_OF_RATE)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_ten_leaks_everywhere(framework, rate, tmp_path):
    watch_framework(framework, rate, SECONDS_OF_RATE[rate], tmp_path / "why.json")


@needs_why
@pytest.mark.long
@pytest.mark.parametrize("max_requests", [0, 3000])
def test_master_means_its_workers(max_requests, tmp_path):
    """Also where they come and go."""
    with Service("django", leaks_of("django"), workers=2, max_requests=max_requests) as service:
        load = service.load()
        warm_up(service)
        report = ask("why", service.pid, tmp_path / "why.json", "-d", SECONDS_OF_RATE[30])
        workers = service.living_workers()
        score = Score(service.merged_truth(), report)
        finish(load, end=True)
    assert score.passes, str(score)
    assert max_requests == 0 or set(workers) != set(service.workers)


@needs_why
@pytest.mark.long
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_leak(framework, tmp_path):
    """Caches alone, some of which fill: nothing is a leak."""
    with Service(framework) as service:
        load = service.load()
        warm_up(service)
        score, _, report = watch(service, tmp_path / "why.json", SECONDS_OF_RATE[30])
        finish(load, end=True)
    assert not score.accused, str(score)
    assert not lost_types(report)
    assert not [found for found in report["findings"] if found["verdict"] == LEAK]


IN_C = ("lxml", "ctypes")


LOST = " lost by C code"


def lost_types(report):
    return [found["of"] for found in report["findings"] if (found["subject"] or "").endswith(LOST)]


def is_too_dear(report):
    """Whether C memory is put first, and that its stack is not watched since that would slow it."""
    first = report["findings"][0]
    return first["subject"] == "C memory" and re.search(
        r"stack not watched: recording malloc's calls would slow it by \d+ %", first["reason"])


@needs_why
@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind, tmp_path):
    """Each alone: its line, or its container where it has one, is first. What C code keeps has its
    line where recording malloc's calls is affordable, else it is said why not."""
    with Service("flask", [kind], rate=10, caches=["lru_maxsize"]) as service:
        load = service.load(rate=50)
        warm_up(service)
        score, _, report = watch(service, tmp_path / "why.json", SECONDS_OF_RATE[30])
        finish(load, end=True)
    if kind == "extension":  # who makes what is lost is not seen
        assert report["findings"][0]["subject"] == "str" + LOST
    else:
        assert not lost_types(report)
        assert score.passes or (kind in IN_C and is_too_dear(report)), str(score)


PROGRAMS = ["slow_leak.py 100 200", "slow_leak.py 50 100", "slow_leak.py 200 100 200",
            "not_malloc.py mappings", "not_malloc.py stacks", "stable.py",
            *(f"free_lists.py {kind}" for kind in (
                "dict", "list", "tuple", "float", "str", "int", "instance", "set", "generator",
                "bytes", "method", "slice", "context"))]  # fmt: skip
SHORT_PROGRAMS = ["slow_leak.py 100 200", "free_lists.py dict", "stable.py"]


@needs_why
@pytest.mark.parametrize("words", [
    pytest.param(words, marks=[] if words in SHORT_PROGRAMS else pytest.mark.long)
    for words in PROGRAMS])
def test_program(words, tmp_path):
    name, *arguments = words.split()
    with Target(SERVICES / name, *arguments, wrap=[PYTHON, "-B"]) as target:
        report = ask("why", target.pid, tmp_path / "why.json", "-d", 10)
        target.go()
        score = Score(target.truth(), report)
        target.finish()
    assert score.passes and not score.strangers, str(score)
    assert not lost_types(report)


@needs_why
def test_what_nothing_refers_to(tmp_path):
    with Target(SERVICES / "forgets.py", wrap=[PYTHON, "-B"]) as target:
        report = ask("why", target.pid, tmp_path / "why.json", "-d", 10)
        target.go()
        truth = target.truth()
        target.finish()
    first = report["findings"][0]
    assert lost_types(report) == ["str"] == [first["of"]], report["findings"]
    assert first["verdict"] == GROWS and "nothing refers to them" in first["reason"]
    rate = truth["leaks"]["forgets"]["bytes"] / truth["uptime_s"] * 3600
    assert 0.7 < first["bytes_per_hour"] / rate < 1.5  # blocks are larger than what is in them


COMMANDS = {"heap": ["-i", 1, "--looks", 3], "why": ["-d", 10]}


@pytest.mark.alone  # whether a page of a library is private depends on what other processes run
@pytest.mark.parametrize("command", [
    name if has_command(name) else pytest.param(name, marks=pytest.mark.skip("not there yet"))
    for name in COMMANDS])
def test_idle_worker_stays_as_it_is(command, tmp_path):
    """A worker shares what its master had made, and goes on sharing it; nothing becomes resident,
    nothing faults and no wait ends early."""
    def facts():
        master.go()
        truth = master.truth()
        return truth["pid"], read_facts(truth["pid"], truth)

    with Target(SERVICES / "prefork.py", wrap=[PYTHON, "-B"]) as master:
        facts()
        worker, before = facts()
        assert harm_done(before, facts()[1], faults=5) == []
        ask(command, worker, tmp_path / "look.json", *COMMANDS[command])
        _, after = facts()
    assert before["shared"] > 100_000_000
    assert harm_done(before, after, faults=5) == []


def test_looks_of_a_busy_service(tmp_path):
    """What grows in six looks, under full load, is named, wherever it stands among garbage; all but
    what many containers or a chain share."""
    with Service("aiohttp", leaks_of("aiohttp"), rate=30) as service:
        load = service.load()
        warm_up(service)
        before = read_facts(service.pid, service.truth())
        report = ask("heap", service.pid, tmp_path / "heap.json", "-i", 1)
        truth = service.truth()
        after = read_facts(service.pid, truth)
        done = finish(load, end=True)
    score = Score(truth, report)
    named = {name for name, row in score.leaks.items() if row["rank"]}
    assert named >= set(score.leaks) - {"per_user", "chain"}, str(score)
    assert harm_done(before, after, faults=10**9, slack_bytes=10**9) == []
    assert not done["errors"]


def serve_round(service, path):
    """(requests a second, p99) of a round, watched where there is a path."""
    load = service.load(seconds=ROUND_SECONDS)
    if path:
        ask("why", service.workers[0], path, "-d", ROUND_SECONDS - 2)
    done = finish(load)
    return done["requests"] / done["seconds"], done["p99_ms"]


@needs_why
@pytest.mark.long
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_service_does_not_notice(framework, tmp_path):
    """In alternated rounds, means with `why` are inside the spread of those without."""
    free, watched = [], []
    with Service(framework, leaks_of(framework)) as service:
        serve_round(service, None)
        for _ in range(ROUNDS):
            free.append(serve_round(service, None))
            watched.append(serve_round(service, tmp_path / "why.json"))
            free.append(serve_round(service, None))
    for index in (0, 1):
        values = [row[index] for row in free]
        spread = 2 * statistics.stdev(values)
        mean = statistics.mean(row[index] for row in watched)
        assert abs(mean - statistics.mean(values)) <= spread, (index, free, watched)
