# SPDX-License-Identifier: BSD-2-Clause
"""
Targets that come and go over one tracer, told what to do line by line (tests/tools/targets.c): what
each leaves behind, and what may be said of one that was paused.
"""
import json
import pathlib
import subprocess
import time

import pytest

from conftest import BUILD, TIMEOUT, Lines, Target, program

TOOL = BUILD / "tests/targets"
LAST_PID = pathlib.Path("/proc/sys/kernel/ns_last_pid")
LIFE_BLOCKS, LIFE_BYTES = 10, 1000
SHORT, LONG = 300, 10000


class Tracer:
    def __init__(self, *options):
        if not TOOL.exists():
            pytest.skip(f"{TOOL} is not built")
        self.process = subprocess.Popen([TOOL, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)

    def __enter__(self):
        assert not json.loads(self.lines.next("the tracer"))["error"]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)

    def ask(self, command, pid=0):
        self.process.stdin.write(f"{command} {pid}\n")
        self.process.stdin.flush()
        return json.loads(self.lines.next(command))

    def do(self, command, pid=0):
        assert self.ask(command, pid) == {"error": ""}, command

    def until(self, command, pid, holds):
        """Asks until an answer is as it should be: what the kernel sends, or takes out, takes time."""
        deadline = time.monotonic() + TIMEOUT
        while not holds(answer := self.ask(command, pid)):
            assert time.monotonic() < deadline, answer
        return answer

    def clean_usage(self, links):
        """What the tracer takes once all that is gone was removed and swept out, links included."""
        self.do("gone")
        return self.until("usage", 0,
                          lambda now: not now["stacks"] and now["links"] <= links)


def life(*options):
    return Target("lives", "--life", "--wait", *options)


def live(target):
    target.go()
    target.lines.until("^lived$")


def assert_flat(before, after, files=4):
    """
    The heap needs some thousand lives until its holes fit what is put in (624 KiB after 10,000, the
    same after 15,000), and a second's removals are swept out together. The program's own files are
    closed or kept for the next life, as it comes.
    """
    slack = {"anonymous_kb": 1024, "spaces": 150, "descriptors": files,
             "unwind_files": files}
    for key, value in before.items():
        assert after[key] <= value + slack.get(key, 0), (key, before, after)


def counts():
    return [SHORT, pytest.param(LONG, marks=pytest.mark.long)]


@pytest.mark.parametrize("count", counts())
@pytest.mark.parametrize("kind", ["fork", "exec"])
def test_children_leave_nothing_behind(kind, count):
    """By fork and by exec, each with a library that comes and goes."""
    with Target("lives", "--library", program("libbump.so")) as parent, Tracer("--follow") as tracer:
        def make(number):
            parent.process.stdin.write(f"{kind} {number}\n")
            parent.process.stdin.flush()
            parent.lines.until("^done$")

        tracer.do("add", parent.pid)
        tracer.do("start")
        links = tracer.ask("usage")["links"]
        make(100)
        warm = tracer.clean_usage(links)
        for _ in range(count // 20):
            make(20)
            tracer.do("gone")
        assert_flat(warm, tracer.clean_usage(links))
        report = tracer.ask("report")
        assert report["targets"] == 1 and not report["stacks"], report
        # others put probes into libc, in each process that has it, while a life is walked
        assert set(report["losses"]) <= {"unwind_busy"}, report
        assert report["live_blocks"] == 0


def test_what_has_ended_makes_room():
    """Of many children that come and go in a long recording the first ones are left out, with all that is
    known of them, before there is no room for the stacks of those that come."""
    rows, lives = 512, 600
    with Target("lives") as parent, Tracer("--follow", "--max-stacks", str(rows)) as tracer:
        tracer.do("add", parent.pid)
        tracer.do("start")
        for _ in range(lives // 20):
            parent.process.stdin.write("fork 20\n")
            parent.process.stdin.flush()
            parent.lines.until("^done$")
            tracer.until("usage", 0, lambda now: now["stacks"] <= rows // 2)
        targets = tracer.ask("list")
        report = tracer.ask("report")
    assert targets[0]["pid"] == parent.pid and 1 < len(targets) < lives
    assert report["losses"]["ended_left_out"] == lives + 1 - len(targets)
    assert set(report["losses"]) <= {"ended_left_out", "unwind_busy"}, report
    assert report["live_blocks"] == (len(targets) - 1) * LIFE_BLOCKS


@pytest.mark.parametrize("count", [40, pytest.param(LONG, marks=pytest.mark.long)])
def test_each_alone_leaves_nothing_behind(count):
    """Each with probes of its own; some are removed while they live, and go on unharmed."""
    with Tracer() as tracer:
        tracer.do("start")
        links = tracer.ask("usage")["links"]
        for number in range(20 + count):
            with life() as target:
                tracer.do("add", target.pid)
                live(target)
                claim = tracer.ask("claim", target.pid)
                assert claim["alloc_blocks"] == claim["certain_blocks"] == LIFE_BLOCKS, claim
                assert claim["certain_bytes"] == LIFE_BYTES, claim
                if number % 2:
                    tracer.do("remove", target.pid)
                assert target.finish() == 0
            if number == 19:
                warm = settled(tracer, links)
        assert_flat(warm, settled(tracer, links))
        assert tracer.ask("list") == []


@pytest.mark.parametrize("count", [SHORT // 2, pytest.param(LONG, marks=pytest.mark.long)])
def test_files_of_one_life_each_are_closed(count, tmp_path):
    """Each loads an allocator that nobody else has, and is gone with it. What was swept out last is
    kept for a while."""
    options = ["--library", program("libbump.so"), "--copies", tmp_path]
    with Tracer() as tracer:
        tracer.do("start")
        links = tracer.ask("usage")["links"]
        for number in range(50 + count):
            with life(*options) as target:
                tracer.do("add", target.pid)
                live(target)
                claim = tracer.ask("claim", target.pid)
                assert claim["certain_blocks"] >= LIFE_BLOCKS, claim
                assert target.finish() == 0
            if number % 10 == 9:
                tracer.do("gone")
            if number == 49:
                warm = settled(tracer, links)
        assert_flat(warm, settled(tracer, links), files=70)


def settled(tracer, links):
    tracer.until("list", 0, lambda targets: all(one["state"] == "gone" for one in targets))
    return tracer.clean_usage(links)


def take_pid(pid):
    """A life with this number, by luck: others start processes too."""
    for _ in range(200):
        LAST_PID.write_text(str(pid - 1))
        target = life()
        if target.pid == pid:
            return target
        target.kill()
    pytest.skip("the number was never free")


def test_a_number_used_again_is_another_process():
    """It gets its probes, whether the one before was removed or is known still."""
    if not LAST_PID.exists():
        pytest.skip("this kernel does not let one choose a number")
    with Tracer() as tracer:
        tracer.do("start")
        with life() as first:
            tracer.do("add", first.pid)
            live(first)
            assert first.finish() == 0
        tracer.until("list", 0, lambda targets: targets[0]["state"] == "gone")
        for _ in range(2):
            with take_pid(first.pid) as second:
                tracer.do("add", second.pid)
                live(second)
                claim = tracer.ask("claim", second.pid)
                assert claim["certain_blocks"] == claim["alloc_blocks"] == LIFE_BLOCKS, claim
                assert second.finish() == 0
            tracer.until("list", 0, lambda targets: targets[-1]["state"] == "gone")
            tracer.do("remove", first.pid)


def test_added_again_in_mid_life():
    """What was known of it is forgotten; its threads notice that they are traced anew."""
    with Tracer() as tracer, Target("churn", "--pause-us", 200) as target:
        tracer.do("start")
        tracer.do("add", target.pid)
        target.go()
        for _ in range(20):
            before = tracer.until("claim", target.pid, lambda claim: claim["alloc_blocks"] > 50)
            assert not before["unconfirmed_blocks"]
            tracer.do("remove", target.pid)
            tracer.do("add", target.pid)
        spaces = {one["space"] for one in tracer.ask("list")}
        assert len(spaces) == 1
        target.go()
        target.truth()
        assert target.finish() == 0


def test_a_pause_is_not_recorded():
    """Of blocks from before a pause only that they were there then is certain, until it ends."""
    with Tracer() as tracer, life() as unseen, life() as seen:
        tracer.do("start")
        for target in (unseen, seen):
            tracer.do("add", target.pid)
        tracer.do("pause", unseen.pid)
        live(unseen)
        assert tracer.ask("claim", unseen.pid)["alloc_blocks"] == 0
        tracer.do("resume", unseen.pid)
        claim = tracer.ask("claim", unseen.pid)
        assert claim["certain_blocks"] == claim["unconfirmed_blocks"] == 0, claim
        live(seen)
        tracer.do("pause", seen.pid)
        claim = tracer.ask("claim", seen.pid)
        assert (claim["certain_blocks"], claim["certain_bytes"]) == (LIFE_BLOCKS, LIFE_BYTES)
        tracer.do("resume", seen.pid)
        claim = tracer.ask("claim", seen.pid)
        assert claim["certain_blocks"] == 0 and claim["unconfirmed_blocks"] == LIFE_BLOCKS, claim
        for command, pid in (("resume", seen.pid), ("pause", 1), ("remove", 1)):
            assert tracer.ask(command, pid)["error"], command


@pytest.mark.parametrize("pauses", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_pauses_under_load(pauses):
    """No block that is claimed as certain is wrong, and none that lives is missing."""
    slots, threads = 1000, 4
    arguments = ["--threads", threads, "--slots", slots, "--realloc", "--list"]
    with Tracer() as tracer, Target("churn", *arguments) as target:
        tracer.do("start")
        tracer.do("add", target.pid)
        target.go()
        for number in range(pauses):
            tracer.do("pause", target.pid)
            if number % 50 == 0:  # but for what was under way, in each thread
                assert tracer.ask("claim", target.pid)["alloc_blocks"] + threads >= \
                    tracer.ask("claim", target.pid)["alloc_blocks"], "it goes on in a pause"
            tracer.do("resume", target.pid)
        until = tracer.ask("claim", target.pid)["alloc_blocks"] + 40 * slots
        tracer.until("claim", target.pid, lambda claim: claim["alloc_blocks"] > until)
        target.go()
        target.truth()
        alive = {tuple(map(int, line.split()[1:])) for line in target.lines.seen
                 if line.startswith("live ")}
        certain = set(map(tuple, tracer.ask("blocks", target.pid)))
        claim = tracer.ask("claim", target.pid)
        assert certain == alive
        assert claim["certain_blocks"] == len(alive) > slots // 4
        assert claim["alloc_blocks"] - claim["free_blocks"] == \
            claim["certain_blocks"] + claim["unconfirmed_blocks"], claim
        assert target.finish() == 0
