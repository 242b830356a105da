# SPDX-License-Identifier: BSD-2-Clause
"""What the integration tests stand on: targets that know their truth, and a tracer to compare.

A target (tests/programs) prints `ready`, waits, runs, and prints its truth as one line of JSON; the
tracer says `unfreed: tracing PID (comm)`. Both lines are waited for; nothing here sleeps. Every
final report is checked against the contract of `unfreed/1` and for sums that agree.
"""
import functools
import json
import os
import pathlib
import platform
import queue
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("UNFREED_BUILD", ROOT / "build")).resolve()
UNFREED = BUILD / "unfreed"
PROGRAMS = BUILD / "programs"
# After so long a thing that is waited for will never come: it is long, as a machine may be busy.
TIMEOUT = int(os.environ.get("UNFREED_TEST_SECONDS", 180))
ATTACH_KINDS = ["auto", "session", "multi", "perf"]
TOTALS = ["live_bytes", "live_blocks", "alloc_bytes", "alloc_blocks", "free_bytes", "free_blocks"]
LOSSES = re.findall(r"^\tX\((\w+),", (ROOT / "bpf/losses.h").read_text(), re.MULTILINE)


# The best kind of link, which auto takes, and another one are tested wherever probes could differ by it;
# the rest in the long tests, and in what is about attaching: that of perf, of which a probe takes a
# tenth of a second to go, and what doctor says of each.
EVERYWHERE = ["auto", "multi"]
ABOUT_ATTACHING = {"test_doctor": ATTACH_KINDS, "test_lifecycle": ["perf"]}
# What children do is filtered otherwise by the kernel there.
ALSO_PERF = ["test_children_do_not_count[perf-child_frees]", "test_children_are_followed[perf-tree]",
             "test_a_vfork_child_allocates_in_its_parent[perf]", "test_exec_in_mid_trace[perf]"]  # fmt: skip

# Files that take longest begin first, where files run beside each other: one that is begun late would
# be waited for.
BEGUN_FIRST = ["test_django", "test_allocators", "test_hostile", "test_why", "test_ledger",
               "test_fork_exec", "test_python_record", "test_hostile_python", "test_python_slots",
               "test_heap_values", "test_why_services", "test_release"]  # fmt: skip


def is_long(item):
    kinds = getattr(item, "callspec", None) and item.callspec.params
    if not kinds or item.name in ALSO_PERF:
        return False
    about = [*EVERYWHERE, *ABOUT_ATTACHING.get(item.module.__name__, [])]
    return kinds.get("attach", "auto") not in about or kinds.get("attach_any", "auto") != "auto"


def mark_long(items):
    for item in items:
        if is_long(item):
            item.add_marker(pytest.mark.long)


def turn(item):
    name = item.module.__name__
    return BEGUN_FIRST.index(name) if name in BEGUN_FIRST else len(BEGUN_FIRST)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    mark_long(items)
    items.sort(key=turn)
    if os.geteuid():
        reason = "tracing needs root"
    elif not UNFREED.exists():
        reason = f"{UNFREED} is not built"
    else:
        return
    for item in items:
        if not item.get_closest_marker("unprivileged"):
            item.add_marker(pytest.mark.skip(reason=reason))


def seeds(few, many):
    """The parameters of a test that draws: as many in the long tests, the first few everywhere."""
    return [pytest.param(seed, marks=pytest.mark.long if seed >= few else ()) for seed in range(many)]


def program(name):
    """The path of a test program; skips the test where it could not be built here."""
    path = PROGRAMS / name
    if not path.exists():
        pytest.skip(f"{name} is not built here")
    return path


def library(name):
    """The path of an allocator's library, of the version that Debian has; skips the test where it is
    not installed."""
    found = sorted(pathlib.Path("/usr/lib").glob(f"*-linux-*/{name[:-1]}[0-9]"))
    if not found:
        pytest.skip(f"{name} is not installed")
    return found[0]


def own_libc(directory):
    """
    The environment of a program with a libc of its own, which is none of the file that other tests
    put probes into: those for all processes (--follow-forks) hit every one that maps it.
    """
    maps = pathlib.Path("/proc/self/maps").read_text()
    path = re.search(r" (/\S+/libc\.so\.6)$", maps, re.MULTILINE)[1]
    shutil.copy(path, directory / "libc.so.6")
    return {"LD_LIBRARY_PATH": str(directory)}


def eventually(condition, what):
    """Of what says nothing when it is so, as the kernel, which releases what a dead process held in
    its own time: look again."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def has_ended(pid):
    """Also where whoever is to wait for it, as init for what lost its parent, takes its time."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


class Lines:
    """Lines of a pipe, to be waited for with a deadline."""

    def __init__(self, pipe):
        self.seen = []
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        for line in pipe:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def next(self, what, timeout=TIMEOUT):
        try:
            line = self._queue.get(timeout=timeout)
        except queue.Empty:
            pytest.fail(f"waited {timeout} s for {what}; got {self.seen[-10:]}")
        if line is None:
            self._queue.put(None)
            pytest.fail(f"ended before {what}; got {self.seen[-10:]}")
        self.seen.append(line)
        return line

    def until(self, pattern, timeout=TIMEOUT):
        deadline = time.monotonic() + timeout
        while True:
            line = self.next(repr(pattern), max(0.0, deadline - time.monotonic()))
            if re.search(pattern, line):
                return line

    def rest(self):
        self._thread.join(TIMEOUT)
        while (line := self._queue.get()) is not None:
            self.seen.append(line)
        self._queue.put(None)
        return "".join(f"{line}\n" for line in self.seen)


class Target:
    """A test program that waits for us."""

    def __init__(self, name, *args, preload=None, wrap=(), environment=(), **options):
        path = name if isinstance(name, pathlib.Path) else program(name)
        environment = {**os.environ, **dict(environment)}
        if preload:
            environment["LD_PRELOAD"] = str(preload)
        self.process = subprocess.Popen(
            [*map(str, wrap), str(path), *map(str, args)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment, **options)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        try:
            self.lines.until("^ready$")
        except BaseException:
            self.kill()
            raise

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def truth(self):
        return json.loads(self.lines.until("^{"))

    def finish(self):
        """Lets the program end, and returns its exit status."""
        self.process.stdin.close()
        return self.process.wait(TIMEOUT)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def check_report(report, aged):
    """The contract of `unfreed/1` for a final report, and sums that agree. With an age limit what is
    live is only what is old enough, at the peak what was so then."""
    assert report["schema"] == "unfreed/1"
    assert set(TOTALS) <= set(report["totals"])
    assert set(report["losses"]) == set(LOSSES)
    for stack in report["stacks"]:
        assert stack["frames"], stack
        assert stack["live_bytes"] <= stack["alloc_bytes"], stack
        assert stack["live_blocks"] <= stack["alloc_blocks"], stack
        for frame in stack["frames"]:
            assert isinstance(frame["name"], str) and frame["name"], frame
            assert frame["kind"] in ("native", "inlined", "python"), frame
            assert set(frame) >= {"name", "kind", "file", "line", "module", "offset"}
    totals = report["totals"]
    for key in TOTALS[:4]:
        assert sum(stack[key] for stack in report["stacks"]) == totals[key], key
    for unit in ("bytes", "blocks"):
        outstanding = totals[f"alloc_{unit}"] - totals[f"free_{unit}"]
        if report["peak_s"] is not None:
            assert totals[f"live_{unit}"] <= totals[f"alloc_{unit}"]
            continue
        assert totals[f"live_{unit}"] <= outstanding if aged else totals[f"live_{unit}"] == outstanding
    pids = {target["pid"] for target in report["targets"]}
    assert {stack["pid"] for stack in report["stacks"]} <= pids


class Result:
    """What a run of the tracer left: exit status, stderr, the report (None without one), and the
    processor time that it took, with its helpers."""

    def __init__(self, status, stderr, stdout, path, aged=False, cpu_s=0):
        self.status = status
        self.stderr = stderr
        self.stdout = stdout
        self.cpu_s = cpu_s
        self.report = None
        if path.exists() and path.stat().st_size:
            self.report = json.loads(path.read_text())
            check_report(self.report, aged)

    @property
    def totals(self):
        return self.report["totals"]

    @property
    def losses(self):
        """Only the causes that lost something. musl has no unwind tables below main, so that every
        stack of its programs ends early; the functions that matter are compared by name anyway."""
        excused = {"unwind_no_table"} if self.is_of_musl else set()
        return {cause: count for cause, count in self.report["losses"].items()
                if count and cause not in excused}

    @property
    def is_of_musl(self):
        return all(".musl" in (target["exe"] or "") for target in self.report["targets"])

    @property
    def complaints(self):
        """stderr without the estimate of what tracing costs, and the lines that say that it began,
        what was written, and how a target ended."""
        return [line for line in self.stderr.splitlines()
                if not re.search(r"allocator calls per second|: tracing |: wrote |"
                                 r" ended with status | was killed by signal ", line)]

    def unknown_frees(self):
        return self.report["unknown_frees"]

    def by_leaf(self, pid=None):
        """Live and allocated sums by the name of the allocator's caller."""
        return sums(self.report, lambda stack: stack["frames"][-1]["name"], pid)

    def by_frame(self, names):
        """Sums by the first of `names` from the leaf up; NAME_caller stands for NAME."""
        def key(stack):
            for frame in reversed(stack["frames"]):
                name = re.sub(r"_caller$", "", frame["name"])
                if name in names:
                    return name
            return None
        return sums(self.report, key)


def sums(report, key, pid=None):
    table = {}
    for stack in report["stacks"]:
        if pid is not None and stack["pid"] != pid:
            continue
        row = table.setdefault(key(stack), dict.fromkeys(TOTALS[:4], 0))
        for name in row:
            row[name] += stack[name]
    return table


def seconds_of_ended():
    """Processor time of all children that ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Recorder:
    """`unfreed record` at work; `before` is a command that starts it where the directory is `seen_in`."""

    def __init__(self, directory, *args, options=(), before=(), program=UNFREED, seen_in=None):
        self.path = directory / "report.json"
        written = pathlib.Path(seen_in or directory) / self.path.name
        self.path.unlink(missing_ok=True)
        self.aged = "--older-than" in options
        exact = [] if {"--growth", "--budget"} & set(options) else ["--exact"]
        self.process = subprocess.Popen(
            [*before, str(program), "record", *exact, "--all-stacks", "-o", str(written),
             *map(str, options), *map(str, args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)

    def wait_tracing(self):
        return self.stderr.until(r"^unfreed: tracing \d+ \(")

    def wait(self):
        """Until it ends by itself."""
        before_s = seconds_of_ended()
        status = self.process.wait(TIMEOUT)
        return Result(status, self.stderr.rest(), self.stdout.rest(), self.path,
                      self.aged, seconds_of_ended() - before_s)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)


@pytest.fixture
def record(tmp_path):
    """Starts `unfreed record` on targets (or with options alone) and waits until it traces."""
    started = []

    def start(*targets, options=(), wait=True):
        pids = ",".join(str(getattr(target, "pid", target)) for target in targets)
        recorder = Recorder(tmp_path, *(["-p", pids] if pids else []), options=options)
        started.append(recorder)
        if wait:
            recorder.wait_tracing()
        return recorder

    yield start
    for recorder in started:
        recorder.kill()


@pytest.fixture
def measure(record):
    """Runs one phase of a program under the tracer. Returns the program's truth and the result."""

    def run(name, *args, options=(), preload=None, **target_options):
        with Target(name, *args, preload=preload, **target_options) as target:
            recorder = record(target, options=options)
            target.go()
            truth = target.truth()
            result = recorder.stop()
            assert target.finish() == 0
        assert result.status == 0, result.stderr
        return truth, result

    return run


@pytest.fixture
def measure_command(record):
    """The same for a program that the tracer starts: from its first allocation to its end."""

    def run(name, *args, options=()):
        recorder = record(options=[*options, "--", program(name), "--exit", *args], wait=False)
        result = recorder.wait()
        assert result.status == 0, result.stderr
        line = [line for line in result.stdout.splitlines() if line.startswith("{")]
        return json.loads(line[0]), result

    return run


@functools.lru_cache(maxsize=None)
def doctor_says(kind):
    """Whether `unfreed doctor` offers an attach kind, and the line where it says so."""
    run = subprocess.run([str(UNFREED), "doctor"], capture_output=True, text=True, timeout=TIMEOUT)
    for line in run.stdout.splitlines():
        if re.search(rf"\b{kind}\b", line):
            return not re.search(r"\b(no|not|unavailable|missing)\b", line), line.strip()
    release = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
    needed = {"session": (6, 13), "multi": (6, 6), "perf": (0, 0)}[kind]
    return release >= needed, f"doctor does not name {kind}; kernel {platform.release()}"


def options_of(kind):
    if kind != "auto":
        offered, line = doctor_says(kind)
        if not offered:
            pytest.skip(f"doctor: {line}")
    return ["--attach", kind]


@pytest.fixture(params=ATTACH_KINDS)
def attach(request):
    """Options that force each attach kind that this kernel has."""
    return options_of(request.param)


@pytest.fixture(params=ATTACH_KINDS)
def attach_any(request):
    """The same, for what does not depend on how a probe is attached: one kind, all in the long tests."""
    return options_of(request.param)


def assert_totals(truth, result):
    """Every total of the report is the program's, to the unit."""
    expected = {key: truth[key] for key in TOTALS}
    assert {key: result.totals[key] for key in TOTALS} == expected
    assert result.unknown_frees() == truth["unknown_frees"]
    assert_sizes_of_unknown_frees(truth, result.report)
    assert not result.losses


def assert_sizes_of_unknown_frees(truth, report):
    """What glibc says could be used of a block is what was asked for, rounded up to 24 and 16."""
    sized = report["unknown_sized_frees"]
    assert sized in (0, report["unknown_frees"])
    if sized:
        assert 0 <= report["unknown_sized_bytes"] - truth["unknown_bytes"] <= 24 * sized


def assert_functions(truth, table):
    """Every function of the truth stands in the table with its own sums, to the unit."""
    for name, counts in truth["by_function"].items():
        expected = {key: counts[key] for key in TOTALS[:4]}
        assert table.get(name) == expected, (name, table)


def assert_exact(truth, result):
    """Totals and functions, and nothing else in the report."""
    assert_totals(truth, result)
    table = result.by_leaf()
    assert_functions(truth, table)
    assert set(table) == {name for name, counts in truth["by_function"].items()
                          if counts["alloc_blocks"]}


def needs(command):
    """The path of a command; skips the test where it is not installed."""
    path = shutil.which(command, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        pytest.skip(f"{command} is not installed")
    return path
