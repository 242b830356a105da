# SPDX-License-Identifier: BSD-2-Clause
"""Hardware watchpoints: which line fills a container, to the hit, by tests/programs/watch_probe.
"""
import json
import subprocess

import pytest

from conftest import TIMEOUT, Lines, Target, program
from pythons import find_pythons, prefer, started, tell, truth_of  # noqa: F401
from test_programs import programs_of
from verifier import assert_affordable

ALL = find_pythons()
ONE = prefer(ALL, 11)
UNLIMITED = ["--growths", 10**9, "--hits", 10**9]
CHANGES = ["grew", "shrank", "replaced"]


class Watch:
    """watch_probe on some words of a process."""

    def __init__(self, pid, words, options=UNLIMITED, seconds=TIMEOUT):
        self.process = subprocess.Popen(
            [program("watch_probe"), *map(str, options), str(pid), str(seconds),
             *(":".join(map(str, word)) for word in words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = Lines(self.process.stdout)

    def failure(self):
        line = self.lines.until("^failed ")
        self.process.wait()
        return line

    def result(self, end=True):
        if end:
            self.process.stdin.close()
        report = json.loads(self.lines.until("^{"))
        assert self.process.wait() == 0
        return report

    def kill(self):
        self.process.kill()
        self.process.wait()
        if not self.process.stdin.closed:
            self.process.stdin.close()


@pytest.fixture
def watch():
    """Starts a watch, and waits until it is there."""
    watches = []

    def start(pid, words, wait=True, **options):
        watches.append(Watch(pid, words, **options))
        if wait:
            watches[-1].lines.until("^ready$")
        return watches[-1]

    yield start
    for started in watches:
        started.kill()


@pytest.fixture
def target(started):
    """A python_watch.py, with the addresses of its words."""
    def start(python):
        process = python.start("python_watch.py")
        started.append(process)
        process.words = json.loads(process.lines.until("^{"))["words"]
        process.lines.until("^ready$")
        return process

    return start


def ask(process, command):
    tell(process, command)
    return truth_of(process)


def by_function(word):
    """{function: [line, grew, shrank, replaced, net]}, of the lines that writers put forward."""
    found = {}
    for writer in word["writers"]:
        frame = writer["frames"][writer["own"]]
        if writer["change"] == "same" and not writer["net"]:
            continue
        row = found.setdefault(frame["function"], [frame["line"], 0, 0, 0, 0])
        assert row[0] == frame["line"], (row, writer)
        if writer["change"] in CHANGES:
            row[1 + CHANGES.index(writer["change"])] += writer["count"]
        row[4] += writer["net"]
    return found


def assert_whole(word):
    """Nothing was lost on the way."""
    assert (word["lost"], word["unread"], word["stackless"]) == (0, 0, 0), word
    writers = sum(writer["count"] for writer in word["writers"])
    assert writers == sum(word[change] for change in [*CHANGES, "same"])


def assert_length(word, truth):
    """qemu's processor may report a watchpoint once more than it was written."""
    assert_whole(word)
    assert by_function(word) == truth
    assert word["same"] <= 1 and word["grew"] - word["shrank"] == word["net"] == word["value"]


@pytest.mark.parametrize("python", ALL)
def test_lengths(python, target, watch):
    process = target(python)
    names = ["dict", "list", "set"]
    watching = watch(process.pid, [process.words[name] for name in names])
    truth = ask(process, "lengths")
    report = watching.result()
    for name, word in zip(names, report["words"]):
        assert_length(word, truth[name])
    assert sum(word["grew"] for word in report["words"][:1]) == 718
    assert report["words"][0]["shrank"] == 71


@pytest.mark.parametrize("python", ALL)
def test_other_words(python, target, watch):
    process = target(python)
    names = ["deque", "slot", "refcount"]
    watching = watch(process.pid, [process.words[name] for name in names])
    truth = ask(process, "others")
    deque, slot, refcount = watching.result()["words"]
    assert_length(deque, truth["deque"])
    assert_whole(slot)
    made = by_function(slot)["grow_chain"]
    assert (made[0], made[3]) == (truth["slot"]["grow_chain"][0], 90)
    assert slot["replaced"] == 90
    assert_whole(refcount)
    nets = {name: (row[0], row[4]) for name, row in by_function(refcount).items() if row[4]}
    assert nets == {name: (row[0], row[4]) for name, row in truth["refcount"].items() if row[4]}
    creator = refcount["writers"][0]
    assert creator["frames"][creator["own"]]["function"] == "make_items"
    assert creator["net"] == refcount["net"] + 30 == 100


@pytest.mark.parametrize("python", ONE)
def test_threads_born_during_the_attach(python, target, watch):
    """Each has the watchpoint once: a second one would see the same value again, and behind a write
    that was not seen some other thread's growth is larger than one. Some 600 threads a second are
    born here, one of them perhaps in the microseconds in which its starter's watchpoint runs
    nothing yet: what that one and its own write is counted as lost."""
    process = target(python)
    tell(process, "storm")
    process.lines.until("^running$")
    watching = watch(process.pid, [process.words["list"], process.words["dict"]],
                     options=["--growths", 500])
    watching.lines.until("^let go 0 growths")
    tell(process)
    truth_of(process)
    word = watching.result()["words"][0]
    assert word["net"] >= 500
    assert 0 <= word["net"] - word["grew"] - word["lost"] < 3 and word["lost"] < 100
    assert word["same"] == word["shrank"] == word["unread"] == 0


@pytest.mark.parametrize("python", ONE)
def test_later_forks_are_left_out(python, target, watch):
    process = target(python)
    watching = watch(process.pid, [process.words["list"]])
    truth = ask(process, "forked")
    assert_length(watching.result()["words"][0], truth["list"])


@pytest.mark.parametrize("python", ONE)
def test_forks_are_followed_if_asked(python, target, watch):
    process = target(python)
    watching = watch(process.pid, [process.words["list"]],
                     options=["--follow-forks", *UNLIMITED])
    truth = ask(process, "forked")
    word = watching.result()["words"][0]
    assert_whole(word)
    line = truth["list"]["fill_list"][0]
    # of the child's 20 the first only tells what was there
    assert (word["hits"], word["unsure"]) == (30, 1)
    assert by_function(word) == {"fill_list": [line, 29, 0, 0, 29]}


@pytest.mark.parametrize("python", ALL)
def test_extensions_below_a_line(python, target, watch):
    """Of an extension in a file of its own the native frames stand below the Python ones; how the
    interpreter does it is left out."""
    process = target(python)
    watching = watch(process.pid, [process.words["list"]], options=["--native-inward", *UNLIMITED])
    truth = ask(process, "extension")
    [word] = watching.result()["words"]
    assert_length(word, truth["list"])
    for writer in word["writers"]:
        native = [frame for frame in writer["frames"] if frame["native"]]
        assert writer["frames"][:len(native)] == native and writer["own"] == len(native)
        assert bool(native) == bool(truth["file"]), (writer, truth)
        for frame in native:
            assert "_bisect" in frame["file"], native


@pytest.mark.parametrize("python", ONE)
def test_the_cost_is_what_it_costs(python, target, watch):
    """By the target's own clock."""
    process = target(python)
    unwatched = ask(process, "timed")["cpu_s"]
    watching = watch(process.pid, [process.words["list"]])
    watched = ask(process, "timed")["cpu_s"]
    report = watching.result()
    [word] = report["words"]
    assert word["grew"] == 4000
    print(f"{word['cost_s'] / 4000 * 1e6:.1f} us a hit, trap {report['trap_ns']} ns; truly "
          f"{(watched - unwatched) / 4000 * 1e6:.1f}")
    assert 0.5 < word["cost_s"] / (watched - unwatched) < 1.5


LIMITS = {"growths": ["--growths", 64], "hits": ["--growths", 10**9, "--hits", 500],
          "cost": [*UNLIMITED, "--cost-us", 3000]}


@pytest.mark.parametrize("python", ONE)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_word_is_let_go_at_its_limit(python, limit, target, watch):
    """The hot word alone: the other one stays watched."""
    process = target(python)
    watching = watch(process.pid, [process.words["list"], process.words["dict"]],
                     options=LIMITS[limit])
    tell(process, "run")
    process.lines.until("^running$")
    watching.lines.until("^let go 0 " + limit)
    tell(process)
    truth_of(process)
    hot, rare = watching.result()["words"]
    assert hot["end"] == limit and rare["end"] == "stopped"
    assert hot["watched_s"] < rare["watched_s"]
    assert (hot["lost"], rare["hits"]) == (0, 0)
    if limit == "growths":
        assert hot["grew"] - hot["shrank"] >= 64
    if limit == "hits":
        assert hot["hits"] >= 500
    if limit == "cost":
        assert hot["cost_s"] >= 0.003


@pytest.mark.parametrize("python", ONE)
def test_registers_in_use_are_named(python, target, watch):
    """Four a thread: a second watch of three finds too few."""
    process = target(python)
    words = [process.words[name] for name in ("dict", "list", "set")]
    first = watch(process.pid, words)
    second = watch(process.pid, words, wait=False)
    assert "debug registers" in second.failure()
    third = watch(process.pid, [process.words["deque"]])
    truth = {**ask(process, "lengths"), **ask(process, "others")}
    assert_length(third.result()["words"][0], truth["deque"])
    assert_length(first.result()["words"][0], truth["dict"])


@pytest.mark.parametrize("python", ONE)
@pytest.mark.parametrize("kills", [12, pytest.param(500, marks=pytest.mark.long, id="soak")])
def test_nothing_is_left_by_a_killed_watch(python, kills, target, watch):
    """Whenever it is killed, the registers are free for the next one, and the target is well."""
    process = target(python)
    words = [process.words[name] for name in ("list", "dict", "set")]
    tell(process, "run")
    process.lines.until("^running$")
    for kill in range(kills):
        killed = watch(process.pid, words, wait=False)
        try:
            killed.process.wait(0.24 * kill / kills)
        except subprocess.TimeoutExpired:
            pass
        killed.kill()
    tell(process)
    truth_of(process)
    watching = watch(process.pid, words)
    truth = ask(process, "lengths")
    for name, word in zip(("list", "dict", "set"), watching.result()["words"]):
        assert_length(word, truth[name])
    tell(process, "end")
    assert process.wait(TIMEOUT) == 0


def test_undelivered_watchpoints_are_no_silence():
    """A machine that keeps the debug exceptions back: as if the program were never run."""
    done = subprocess.run([program("watch_probe"), "--undelivered"], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert done.stdout.startswith("failed hardware watchpoints are not delivered here")


@pytest.mark.parametrize("name", ["watch_counter", "watch_counter.static"])
def test_native_counters(name, watch):
    """Without frame pointers: by the unwind tables, in threads from before and after; the one by
    its name."""
    with Target(name) as target:
        truth = json.loads(target.lines.seen[-2])
        watching = watch(target.pid, [["long_counter", "length"], truth["int"]])
        target.go()
        target.truth()
        words = watching.result()["words"]
        unknown = watch(target.pid, [["no_counter", "length"]], wait=False)
        assert unknown.failure().startswith("failed no_counter: No such")
        assert target.finish() == 0
    long, small = words
    assert_native(long, {("raise_long", "grew"): 600})
    assert_native(small, {("lower_int", "shrank"): 15, ("serve", "grew"): 60})


def assert_native(word, truth):
    assert_whole(word)
    assert word["same"] == 0
    found = {}
    for writer in word["writers"]:
        names = [frame["function"] for frame in writer["frames"]]
        assert "serve" in names[:2] and {"work", "main"} & set(names), names
        key = names[0], writer["change"]
        found[key] = found.get(key, 0) + writer["count"]
    assert found == truth


def test_a_watch_ends_with_the_image(watch):
    """After an exec other words lie there, at the same addresses in a static program."""
    with Target("watch_counter.static") as target:
        truth = json.loads(target.lines.seen[-2])
        watching = watch(target.pid, [truth["long"]])
        target.go()
        target.truth()
        target.process.stdin.write("exec\n")
        target.process.stdin.flush()
        again = target.truth()
        target.lines.until("^ready$")
        assert again == truth
        target.go()
        target.truth()
        watching.lines.until("^let go 0 gone$")
        [word] = watching.result()["words"]
        assert target.finish() == 0
    assert_native(word, {("raise_long", "grew"): 600})
    assert word["end"] == "gone"


def test_limits_hold_while_a_file_is_read(watch):
    """The file is read to its end only once all words are let go."""
    with Target("watch_counter") as target:
        truth = json.loads(target.lines.seen[-2])
        watching = watch(target.pid, [truth["long"]], options=["--growths", 10, "--while-reading"])
        target.go()
        target.truth()
        [word] = watching.result(end=False)["words"]
        assert target.finish() == 0
    assert not [line for line in watching.lines.seen if line.startswith("failed")]
    assert word["end"] == "growths"
    assert 10 <= word["hits"] <= 600


def test_verifier_count(watch, record_property):
    with Target("watch_counter") as target:
        truth = json.loads(target.lines.seen[-2])
        watching = watch(target.pid, [truth["long"]])
        counts = {name: count for name, count, _ in programs_of(watching.process.pid)}
        watching.result()
    record_property("verifier on_write", counts["on_write"])
    assert_affordable("on_write", counts["on_write"])
