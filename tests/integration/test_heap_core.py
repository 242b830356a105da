# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap --core` says of a core file what it says of the live, quiet process: without root."""
import contextlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, needs, program
from pythons import begin, find_pythons, of_system, started, tell, with_long  # noqa: F401
from test_heap_privileges import NOBODY

pytestmark = pytest.mark.unprivileged
PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()


def gcore(pid, directory):
    subprocess.run([needs("gcore"), "-o", directory / "core", str(pid)], check=True,
                   capture_output=True, timeout=TIMEOUT)
    return directory / f"core.{pid}"


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def crash(process, directory, working=None):
    """The kernel's core of a process that works in a directory and is ready, or stopped."""
    working = working or directory
    os.kill(process.pid, signal.SIGABRT)
    os.kill(process.pid, signal.SIGCONT)
    process.wait(TIMEOUT)
    core, = (path for path in working.glob("core*") if path.is_file())
    return pathlib.Path(shutil.move(core, directory / "crashed"))


def run(*arguments, wrap=()):
    return subprocess.run([*wrap, UNFREED, "heap", "-q", *map(str, arguments)], capture_output=True,
                          text=True, timeout=TIMEOUT, check=False)


def look(*arguments, wrap=()):
    done = run("-f", "json", *arguments, wrap=wrap)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    parts = report["memory"]["parts"]
    assert sum(part["resident_bytes"] for part in parts) == report["memory"]["resident_bytes"]
    return report


def rows(report, table, *keys):
    return sorted(tuple(str(row[key]) for key in keys) for row in report[table] or [])


def names(report):
    return {row["name"]: row["length"] for row in report["containers"]}


def assert_refused(done, status, *words):
    """One sentence."""
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("unfreed: "), done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


# glibc 2.42 of sid has guard pages inside the mappings of stacks: what gcore leaves out there is no
# object, but may be all that refers to one
GCORE_PYTHONS = [one for one in with_long(find_pythons(), 11, 13) if not one.values[0].root
           or one.values[0].root.name != "sid"]


CRASHED_PYTHONS = with_long(find_pythons(), 11, 14)
writes_cores = pytest.mark.skipif(PATTERN.startswith("|") or "/" in PATTERN,
                                  reason=f"cores go to {PATTERN}")


def look_at_quiet(process):
    """A look at a process whose objects two looks agree on: it has come to rest behind `ready`."""
    looks = [look("-p", process.pid)]
    while len(looks) < 2 or differences(*looks[-2:]):
        assert len(looks) < 10, differences(*looks[-2:])
        looks.append(look("-p", process.pid))
    return looks[-1]


def stop(process):
    """What it does not do itself is what a core differs by from a look."""
    os.kill(process.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])


TABLES = {
    "types": ["name", "language", "count", "bytes"],
    "containers": ["name", "type", "length", "bytes", "address", "bound", "hits"],
    "garbage": ["type", "count", "bytes", "why"],
    "held_by_c_or_lost": ["type", "count", "bytes"],
}


def differences(one, other):
    """The rows that the first and the second of two reports have alone, of each table where there
    are any."""
    found = {}
    for table, keys in TABLES.items():
        left, right = set(rows(one, table, *keys)), set(rows(other, table, *keys))
        if left != right:
            found[table] = sorted(left - right), sorted(right - left)
    return found


def check_same(report, live):
    assert live["target"]["core"] is None
    core = report["target"]["core"]
    assert not any(core[key] for key in core if key != "path"), core
    assert live["target"]["exe"].endswith(report["target"]["exe"])
    assert report["python"] == live["python"] and report["python"]["version"]
    assert len(report["types"]) > 150
    assert differences(report, live) == {}
    assert report["gc"] == live["gc"]
    assert report["memory"]["malloc"] == live["memory"]["malloc"]


@pytest.mark.parametrize("python", GCORE_PYTHONS)
def test_same_as_the_process(python, started, tmp_path):  # noqa: F811
    if python.root and os.geteuid():
        pytest.skip("another release's root is for root")
    process = begin(python, started, "python_graphs.py")
    live = look_at_quiet(process)
    check_same(look("--core", gcore(process.pid, tmp_path)), live)


@writes_cores
@pytest.mark.parametrize("python", CRASHED_PYTHONS)
def test_same_after_a_crash(python, started, tmp_path):  # noqa: F811
    if python.root and os.geteuid():
        pytest.skip("another release's root is for root")
    process = begin(python, started, "python_graphs.py", preexec_fn=allow_cores, cwd=tmp_path)
    stop(process)
    live = look_at_quiet(process)
    path = crash(process, tmp_path, python.root)
    root = ["--root", python.root] if python.root else []
    check_same(look("--core", path, *root), live)
    if python.root:
        lost = look("--core", path)
        assert lost["target"]["core"]["changed_files"] and not lost["types"]


def test_holders(started, tmp_path):  # noqa: F811
    process = begin(of_system(), started, "python_graphs.py")
    path = gcore(process.pid, tmp_path)
    for what in "__main__.Plain", "__main__.truth", "dict":
        keys = ["of", "name", "count", "bytes"]
        found = rows(look("--core", path, "--holders", what), "holders", *keys)
        assert found and found == rows(look("-p", process.pid, "--holders", what), "holders", *keys)


@pytest.mark.parametrize("before", ["json", "core"])
def test_growth_between_cores(before, started, tmp_path):  # noqa: F811
    process = begin(of_system(), started, "python_large.py", 5)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    old = gcore(process.pid, first)
    tell(process, "3000")
    assert int(process.lines.next("an answer")) == 3000
    new = gcore(process.pid, second)
    if before == "json":
        assert run("--core", old, "-o", first / "look.json").returncode == 0
        old = first / "look.json"
    report = look("--core", new, "--diff", old)
    grown = {row["name"]: row["grown"] for row in report["growth"]["containers"]}
    assert grown["__main__.HISTORY"] == 3000


@pytest.mark.parametrize("arguments", [(4, 20000, 3, "p"), (1, 3000, 2, "a"), (8, 4000, 5, "r")])
def test_malloc(arguments, tmp_path):
    with Target("heap_truth", *arguments) as target:
        live = look("-p", target.pid)["memory"]
        path = gcore(target.pid, tmp_path)
    memory = look("--core", path)["memory"]
    assert memory["malloc"] and memory["malloc"] == live["malloc"]
    assert memory["chunks"] == live["chunks"]
    assert {part["name"]: part["bytes"] for part in memory["parts"] if "malloc" in part["name"]} \
        == {part["name"]: part["bytes"] for part in live["parts"] if "malloc" in part["name"]}


def check_lost(report, truth):
    """What only epoll refers to is not in a core."""
    found = {row["size"]: row["count"] for row in report["lost"]}
    assert found.pop(8008, 20) == 20
    assert set(found) == {int(size) for size in truth["lost"]}
    for size, count in truth["lost"].items():
        assert max(count - 3, 2) <= found[int(size)] <= count, size
    assert any("epoll_ctl" in hint for hint in report["hints"])
    assert [row["type"] for row in report["lost"] if row["size"] == 888] == ["Session"]


@pytest.mark.parametrize("mode", ["quiet", "behind"])
def test_lost_by_gcore(mode, tmp_path):
    with Target("lost_blocks", mode) as target:
        truth = json.loads(target.lines.seen[0])
        path = gcore(target.pid, tmp_path)
    check_lost(look("--core", path, "--lost"), truth)


@writes_cores
def test_lost_in_a_crash(tmp_path):
    with Target("lost_blocks", cwd=tmp_path, preexec_fn=allow_cores) as target:
        truth = json.loads(target.lines.seen[0])
        path = crash(target.process, tmp_path)
    check_lost(look("--core", path, "--lost"), truth)


def test_registers_keep(tmp_path):
    """One register alone refers to a block: it is none of the lost."""
    with Target("lost_blocks", "register") as target:
        truth = json.loads(target.lines.seen[0])
        path = gcore(target.pid, tmp_path)
    check_lost(look("--core", path, "--lost"), truth)


@pytest.mark.parametrize("kind", ["plain", "no-rtti", "stripped", "static-stripped"])
def test_classes(kind, tmp_path):
    with Target(f"cpp_classes.{kind}") as target:
        truth = json.loads(target.lines.seen[0])
        path = gcore(target.pid, tmp_path)
    found = {row["name"]: [row["count"], row["bytes"]] for row in look("--core", path)["types"]}
    assert {name: found[name] for name in truth} == truth


def test_a_file_that_changed(tmp_path):
    """Is not taken for the one that was mapped."""
    binary = tmp_path / "program"
    shutil.copy(program("cpp_classes.plain"), binary)
    with Target(binary) as target:
        path = gcore(target.pid, tmp_path)
    before = look("--core", path)
    assert before["target"]["core"]["changed_files"] == 0 and before["types"]
    os.replace(shutil.copy(program("cpp_classes.no-pie"), tmp_path / "new"), binary)
    report = look("--core", path)
    assert report["target"]["core"]["changed_files"] == 1
    assert any(str(binary)[:20] in hint for hint in report["hints"])
    assert not report["types"]
    assert report["memory"]["malloc"] == before["memory"]["malloc"]


def test_without_privileges(started, tmp_path):  # noqa: F811
    """Of another user's core, by whoever may read it, without any capability."""
    if os.geteuid():
        pytest.skip("is tested by all others")
    needs("setpriv")
    process = begin(of_system(), started, "python_large.py", 1)
    path = gcore(process.pid, tmp_path)
    with contextlib.ExitStack() as stack:
        shared = pathlib.Path(f"/tmp/unfreed-core-{os.getpid()}")
        shared.mkdir(mode=0o755)
        stack.callback(shutil.rmtree, shared)
        for source in path, UNFREED:
            shutil.copy(source, shared)
        for copy in shared.iterdir():
            copy.chmod(0o755)
        done = subprocess.run([*NOBODY, shared / "unfreed", "heap", "--core", shared / path.name,
                               "-f", "json"], capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        assert names(json.loads(done.stdout))["__main__.FILL"] == 6
        (shared / path.name).chmod(0o600)
        done = subprocess.run([*NOBODY, shared / "unfreed", "heap", "--core", shared / path.name],
                              capture_output=True, text=True, timeout=TIMEOUT)
    assert_refused(done, 4, "Permission denied")


@pytest.mark.parametrize("options", [
    ["-i", "1"], ["--looks", "3"], ["--watch", "x"], ["-d", "3"], ["--freeze"], ["-p", "1"], ["1"]])
def test_what_needs_a_process_is_refused(options):
    assert_refused(run("--core", "core", *options), 2, "--core")


def test_a_root_is_of_a_core():
    assert_refused(run("--root", "/", "-p", "1"), 2, "--root")
    assert_refused(run("--root", "/none", "--core", UNFREED), 1, "/none")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    directory = tmp_path_factory.mktemp("core")
    with Target("heap_truth", 2, 500, 3, "p") as target:
        return gcore(target.pid, directory).read_bytes()


def test_cut_short(small, tmp_path):
    """Gives what it holds, and says what is missing."""
    path = tmp_path / "core"
    for length in sorted({*range(0, 6000, 293), *range(6000, len(small), len(small) // 20)}):
        path.write_bytes(small[:length])
        done = run("--core", path, "-f", "json")
        if done.returncode:
            assert length < 64 + 56 * 100
            assert_refused(done, 3, str(path))
            continue
        report = json.loads(done.stdout)
        assert report["target"]["core"]["has_no_notes"]  # gcore writes them last
        assert any("cut" in hint for hint in report["hints"])
    done = run("--core", path, "--lost")
    assert done.returncode == 0 and "cut short" in done.stdout


def patched(data, offset, *values):
    copy = bytearray(data)
    copy[offset:offset + len(values)] = bytes(values)
    return bytes(copy)


def test_what_is_no_core_is_named(small, tmp_path):
    path = tmp_path / "core"
    for data, words in [
        (b"", ["no core file"]),
        (b"text that is none\n" * 100, ["no core file", "gcore"]),
        (patched(small, 4, 1), ["32-bit"]),
        (patched(small, 18, 183), ["processor 183"]),
        (patched(small, 16, 2), ["program or library"]),
        (patched(small, 54, 0), ["damaged"]),
        (b"\x28\xb5\x2f\xfd" + bytes(100), ["compressed"]),
    ]:
        path.write_bytes(data)
        assert_refused(run("--core", path), 3, str(path), *words)
    assert_refused(run("--core", tmp_path), 3, "regular file")
    assert_refused(run("--core", tmp_path / "none"), 3, "No such file")
    os.mkfifo(tmp_path / "pipe")
    assert_refused(run("--core", tmp_path / "pipe"), 3, "regular file")
    assert_refused(run("--core", UNFREED), 3, "program or library")


def test_parts_that_overlap(small, tmp_path):
    """Two at one address, and many of the same bytes: nothing is read twice."""
    path = tmp_path / "core"
    start, = struct.unpack_from("<Q", small, 32)
    copy = bytearray(small)
    copy[start + 56 * 2:start + 56 * 3] = copy[start + 56:start + 56 * 2]
    path.write_bytes(copy)
    assert_refused(run("--core", path), 3, "damaged")


class Lies:
    """Words of a core's writable memory, replaced by others, and put back."""

    def __init__(self, path, seed):
        self.path = path
        self.noise = random.Random(seed)
        data = path.read_bytes()
        table, = struct.unpack_from("<Q", data, 32)
        count, = struct.unpack_from("<H", data, 56)
        headers = [struct.unpack_from("<2I6Q", data, table + 56 * i) for i in range(count)]
        self.parts = [header for header in headers if header[0] == 1 and header[1] & 2 and header[5]]
        self.pages = [at for part in self.parts for at in range(part[2], part[2] + part[5], 4096)
                      if any(data[at:at + 4096])]
        self.data = data

    def word(self, old):
        part = self.noise.choice(self.parts)
        return self.noise.choice([
            part[3] + 8 * self.noise.randrange(part[5] // 8), self.noise.getrandbits(64),
            self.noise.getrandbits(16), old ^ 1 << self.noise.randrange(64), 2**63 - 1])

    def tell(self, count):
        places = [self.noise.choice(self.pages) + 8 * self.noise.randrange(512)
                  for _ in range(count)]
        with self.path.open("r+b") as file:
            for at in places:
                old, = struct.unpack_from("<Q", self.data, at)
                os.pwrite(file.fileno(), struct.pack("<Q", self.word(old)), at)
        return places

    def take_back(self, places):
        with self.path.open("r+b") as file:
            for at in places:
                os.pwrite(file.fileno(), self.data[at:at + 8], at)


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_words_that_lie(rounds, started, tmp_path):  # noqa: F811
    """Whatever the memory of an interpreter says, a look ends with a report or a sentence."""
    process = begin(of_system(), started, "python_graphs.py", environment={"MALLOC_ARENA_MAX": "1"})
    lies = Lies(gcore(process.pid, tmp_path), rounds)
    before = look("--core", lies.path)
    for number in range(rounds):
        places = lies.tell(lies.noise.choice([20, 200, 2000, 20000]))
        options = [[], ["--lost"], ["--holders", "dict"], ["--max-memory", "16"]][number % 4]
        done = run("--core", lies.path, "-f", "json", *options)
        if done.returncode:
            assert_refused(done, 3)
        else:
            assert json.loads(done.stdout)["schema"] == "unfreed/heap/1"
        lies.take_back(places)
    after = look("--core", lies.path)
    assert rows(after, "types", "name", "count") == rows(before, "types", "name", "count")
