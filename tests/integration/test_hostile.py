# SPDX-License-Identifier: BSD-2-Clause
"""Targets that make reading them hard. Whatever they plant, the tool ends in time with a report that
is right about everything else, and shows nothing of the host's."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

from conftest import TIMEOUT, TOTALS, UNFREED, Recorder, Target, assert_totals, needs, program
from damage import DAMAGES, damage_file, giant_sections, no_header
from test_namespaces import Contained, tiny_root

SECRET = "secret_of_the_host"
NOBODY = 65534
PLACEHOLDER = "hostile_name_" + "x" * 51
OUTPUTS = ("txt", "folded", "svg", "html", "pb.gz")
HOSTILE_NAMES = {
    "escapes": b"\x1b]0;owned\x07\x1b[2J",
    "lines": b"one\ntwo\r\n99 three",
    "separators": b"a;b;c 12345",
    "markup": b"</script><script>alert(1)</script>",
    "no-utf8": b"\xff\xfe\xc0\x80\xed\xa0\x80",
    "format": b"%s%n%p%99999999s",
    "bidi": "\u202egnp.exe\u2066".encode(),
}

LIBRARY = """
typedef void function(void);
__attribute__((noinline)) static void named(function *call) __asm__("%s");
static void named(function *call)
{
	call();
	__asm__ volatile("" ::: "memory");
}
void hostile_call(function *call)
{
	named(call);
	__asm__ volatile("" ::: "memory");
}
"""


def build_library(directory, name=PLACEHOLDER):
    source = directory / "library.c"
    source.write_text(LIBRARY % name)
    library = directory / "libhostile.so"
    subprocess.run([needs("cc"), "-O2", "-fno-omit-frame-pointer", "-fPIC", "-shared", "-o",
                    str(library), str(source)], check=True)
    return library


@pytest.fixture
def library(tmp_path):
    return build_library(tmp_path)


# --- what must hold -----------------------------------------------------------------------------


def stacks_of(result, function):
    return [stack for stack in result.report["stacks"]
            if any(frame["name"] == function for frame in stack["frames"])]


def names_of(stack):
    return [frame["name"] for frame in stack["frames"]]


def assert_beside_is_whole(result):
    """What has nothing to do with the planted file has its names and its bottom."""
    stacks = stacks_of(result, "leak_beside")
    assert stacks
    for stack in stacks:
        assert names_of(stack)[-2:] == ["main", "leak_beside"]
        assert not stack["truncated"]


def assert_right(truth, result):
    """The numbers are the program's; the frames that nobody damaged are there."""
    assert result.status == 0, result.stderr
    assert {key: result.totals[key] for key in TOTALS} == {key: truth[key] for key in TOTALS}
    for name, counts in truth["by_function"].items():
        found = [stack for stack in result.report["stacks"] if names_of(stack)[-1] == name]
        assert sum(stack["alloc_bytes"] for stack in found) == counts["alloc_bytes"], name
    assert_beside_is_whole(result)


class Outputs:
    """Every format of one run, as bytes."""

    def __init__(self, directory):
        self.paths = {ending: directory / f"out.{ending}" for ending in OUTPUTS}

    @property
    def options(self):
        return [word for path in self.paths.values() for word in ("-o", path)]

    def read(self, *endings):
        return {ending: self.paths[ending].read_bytes() for ending in endings or OUTPUTS}


@pytest.fixture
def outputs(tmp_path):
    return Outputs(tmp_path)


def assert_harmless(outputs, result):
    """No byte that steers a terminal, no markup of the target's, no line that it made up."""
    for ending, data in outputs.read("txt", "folded", "svg", "html").items():
        assert not set(data) & (set(range(0x20)) - {0x0a, 0x09} | {0x7f}), ending
        assert "\u202e" not in data.decode(), ending
    folded = outputs.read("folded")["folded"].decode()
    assert sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines()) == \
        result.totals["live_bytes"]
    drawings = outputs.read("svg", "html")
    for data in drawings.values():
        assert b"<script>alert" not in data and b"<b>" not in data
    assert not set(result.stderr.encode()) & (set(range(0x20)) - {0x0a}), result.stderr


def assert_secret_kept(outputs, result):
    texts = [*outputs.read("txt", "folded", "svg", "html").values(),
             subprocess.run(["zcat", outputs.paths["pb.gz"]], capture_output=True).stdout,
             json.dumps(result.report).encode(), result.stderr.encode()]
    for text in texts:
        assert SECRET.encode() not in text


def run(record, target, options=(), between=lambda: None):
    recorder = record(target, options=["-v", *options])
    between()
    target.go()
    truth = target.truth()
    result = recorder.stop()
    assert target.finish() == 0
    return truth, result


# --- perf maps ----------------------------------------------------------------------------------


def perf_map_text(name):
    return f"1000 7fffffffe000 {name}\n"


def plant_link(path, secret):
    path.symlink_to(secret)


def plant_relative_link(path, secret):
    path.symlink_to("../../" + secret.name)


def plant_proc_link(path, secret):
    path.symlink_to(f"/proc/{os.getpid()}/root{secret}")


def plant_fifo(path, _):
    os.mkfifo(path)


def plant_directory(path, _):
    path.mkdir()


def plant_sparse_giant(path, _):
    path.write_text(perf_map_text("giant"))
    os.truncate(path, 1 << 40)


def plant_others_file(path, _):
    path.write_text(perf_map_text("others"))
    os.chown(path, NOBODY, NOBODY)


def plant_zeros(path, _):
    path.write_bytes(b"")
    os.truncate(path, 64 << 20)


def plant_long_lines(path, _):
    with path.open("w") as file:
        for i in range(60):
            file.write(f"{i:x} {i:x} " + "y" * (1 << 20) + "\n")


PLANTS = [plant_link, plant_relative_link, plant_proc_link, plant_fifo, plant_directory,
          plant_sparse_giant, plant_others_file, plant_zeros, plant_long_lines]


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(perf_map_text(SECRET))
    path.chmod(0o600)
    return path


@pytest.fixture
def jail(tmp_path):
    root = tiny_root(tmp_path, "hostile")
    (root / "tmp").mkdir()
    (root / "proc").mkdir(exist_ok=True)
    return root


def assert_jit_nameless(result):
    stacks = stacks_of(result, "leak_below_jit")
    assert stacks
    for stack in stacks:
        assert names_of(stack)[-2].startswith("[0x"), names_of(stack)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__[6:])
def test_a_perf_map_that_is_none(record, outputs, jail, secret, plant):
    with Contained(jail, "--jit") as target:
        for pid in (1, target.pid):
            plant(jail / f"tmp/perf-{pid}.map", secret)
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    assert_jit_nameless(result)
    assert_secret_kept(outputs, result)


def test_a_perf_map_is_read_at_all(record, outputs, jail):
    """Else the tests above would show nothing."""
    with Contained(jail, "--jit") as target:
        (jail / "tmp/perf-1.map").write_text(perf_map_text("compiled"))
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    for stack in stacks_of(result, "leak_below_jit"):
        assert names_of(stack)[-2] == "compiled"
        assert stack["guessed"]
    assert "[guessed]" in outputs.read("folded")["folded"].decode()


@pytest.mark.parametrize("name", ["escapes", "separators", "markup", "no-utf8", "format", "bidi"])
def test_hostile_names_in_a_perf_map(record, outputs, jail, name):
    with Contained(jail, "--jit") as target:
        text = b"1000 7fffffffe000 " + HOSTILE_NAMES[name] + b"\n"
        (jail / "tmp/perf-1.map").write_bytes(text)
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    for stack in stacks_of(result, "leak_below_jit"):
        assert names_of(stack)[-2] == HOSTILE_NAMES[name].decode(errors="replace") or \
            name == "no-utf8"
    assert_harmless(outputs, result)


@pytest.fixture
def nobodys_target(tmp_path):
    """A target of another user in the host's own root."""
    directory = pathlib.Path("/tmp") / f"unfreed-hostile-{os.getpid()}"
    directory.mkdir(mode=0o755)
    shutil.copy(program("hostile"), directory / "hostile")
    planted = []
    with Target(directory / "hostile", "--jit", user=NOBODY, group=NOBODY) as target:
        target.map = pathlib.Path(f"/tmp/perf-{target.pid}.map")
        yield target
    target.map.unlink(missing_ok=True)
    shutil.rmtree(directory)
    assert not planted


def test_a_link_to_what_only_root_reads(record, outputs, secret, nobodys_target):
    nobodys_target.map.symlink_to(secret)
    os.lchown(nobodys_target.map, NOBODY, NOBODY)
    truth, result = run(record, nobodys_target, outputs.options)
    assert_right(truth, result)
    assert_jit_nameless(result)
    assert_secret_kept(outputs, result)


def test_an_ordinary_users_perf_map(record, nobodys_target):
    nobodys_target.map.write_text(perf_map_text("compiled"))
    os.chown(nobodys_target.map, NOBODY, NOBODY)
    truth, result = run(record, nobodys_target)
    assert_right(truth, result)
    assert [names_of(stack)[-2] for stack in stacks_of(result, "leak_below_jit")] == ["compiled"]


# --- damaged files ------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_library(record, outputs, library, damage):
    """Its code runs; its frames may be lost, and nothing else."""
    with Target("hostile", "--library", library) as target:
        damage_file(library, damage)
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    assert_harmless(outputs, result)


def test_an_undamaged_library(record, library):
    """Else the test above would show nothing."""
    with Target("hostile", "--library", library) as target:
        truth, result = run(record, target)
    assert_right(truth, result)
    [stack] = stacks_of(result, "leak_below_library")
    assert names_of(stack)[-4:] == ["main", "hostile_call", PLACEHOLDER, "leak_below_library"]


def test_a_damaged_library_is_named(record, library):
    with Target("hostile", "--library", library) as target:
        damage_file(library, no_header)
        truth, result = run(record, target)
    assert_right(truth, result)
    assert any("libhostile.so" in line and "damaged" in line for line in result.complaints)


def test_a_library_cut_to_nothing(record, tmp_path, library):
    """Mapped and not run: a page of it would end the target."""
    with Target("hostile", "--map", library) as target:
        os.truncate(library, 0)
        truth, result = run(record, target)
    assert_right(truth, result)


def test_a_sparse_giant_is_mapped(record, library):
    with Target("hostile", "--library", library) as target:
        os.truncate(library, 1 << 40)
        truth, result = run(record, target)
    assert_right(truth, result)


@pytest.mark.parametrize("what", ["noise", "zeros", "header"])
def test_something_else_is_mapped_as_code(record, tmp_path, what):
    path = tmp_path / "something"
    path.write_bytes({"noise": random.Random(2).randbytes(1 << 20), "zeros": bytes(1 << 20),
                      "header": b"\x7fELF\x02\x01\x01" + random.Random(3).randbytes(1 << 20)}[what])
    with Target("hostile", "--map", path) as target:
        truth, result = run(record, target)
    assert_right(truth, result)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_symbol_names(record, outputs, library, name):
    hostile = HOSTILE_NAMES[name]
    data = library.read_bytes()
    assert PLACEHOLDER.encode() in data
    library.write_bytes(data.replace(PLACEHOLDER.encode(),
                                     hostile + bytes(len(PLACEHOLDER) - len(hostile))))
    with Target("hostile", "--library", library) as target:
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    [stack] = stacks_of(result, "leak_below_library")
    assert names_of(stack)[-3] == "hostile_call"
    assert names_of(stack)[-2] == hostile.decode() if name != "no-utf8" else True
    assert_harmless(outputs, result)


def test_a_symbol_name_of_a_megabyte(record, outputs, tmp_path):
    library = build_library(tmp_path, "m" * (1 << 20))
    with Target("hostile", "--library", library) as target:
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    [stack] = stacks_of(result, "leak_below_library")
    assert names_of(stack)[-2].startswith("mmmm")
    assert all(len(data) < 4 << 20 for data in outputs.read().values())


def test_a_mangled_name_that_explodes(record, outputs, tmp_path):
    """Demangled by the letter it would be of exponential length."""
    mangled = "_Z1f" + "St4pairI" * 3 + "ii" + "".join(f"S_IS{i}_S{i}_E" for i in range(9)) + "E" * 3
    library = build_library(tmp_path, "_ZN" + "1aI" * 200 + "S_" * 200 + mangled)
    with Target("hostile", "--library", library) as target:
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)


@pytest.mark.parametrize("replace", [False, True], ids=["unlinked", "replaced"])
def test_a_library_that_is_gone_from_its_place(record, library, replace):
    """The target runs the old file, and its names are the old file's."""
    with Target("hostile", "--library", library) as target:
        library.unlink()
        if replace:
            library.write_bytes(b"\x7fELF" + bytes(100))
        truth, result = run(record, target)
    assert_right(truth, result)
    [stack] = stacks_of(result, "leak_below_library")
    assert names_of(stack)[-2] == PLACEHOLDER


# --- names of processes, mappings ---------------------------------------------------------------


def test_control_bytes_in_comm_and_arguments(record, outputs):
    with Target("hostile", "--comm", "\x1b[2J;<b>\n\x07x", "\x1b]0;owned\x07", "<b>&\"'\n;",
                "\u202e") as target:
        truth, result = run(record, target, ["--with-arguments", *outputs.options])
    assert_right(truth, result)
    [entry] = result.report["targets"]
    assert entry["comm"] == "\x1b[2J;<b>\n\x07x"
    assert entry["cmdline"][3:] == ["\x1b]0;owned\x07", "<b>&\"'\n;", "\u202e"]
    assert_harmless(outputs, result)


def test_control_bytes_in_a_path(record, outputs, tmp_path, library):
    hostile = tmp_path / "\x1b[31m;<b>\n.so"
    library.rename(hostile)
    with Target("hostile", "--library", hostile) as target:
        damage_file(hostile, no_header)
        truth, result = run(record, target, outputs.options)
    assert_right(truth, result)
    assert_harmless(outputs, result)


def test_doctor_on_hostile_names(tmp_path, library):
    hostile = tmp_path / "\x1b[31m;<b>\n.so"
    library.rename(hostile)
    with Target("hostile", "--library", hostile, "--comm", "\x1b[2J") as target:
        damage_file(hostile, giant_sections)
        doctor = subprocess.run([UNFREED, "doctor", "-p", str(target.pid)], capture_output=True,
                                timeout=TIMEOUT)
    assert doctor.returncode == 0, doctor.stderr
    assert not set(doctor.stdout + doctor.stderr) & (set(range(0x20)) - {0x0a})


@pytest.mark.parametrize("options", [["--mappings", 40000], ["--code-mappings", 20000]],
                         ids=lambda options: options[0][2:])
def test_tens_of_thousands_of_mappings(record, library, options):
    with Target("hostile", "--jit", "--map", library, *options) as target:
        truth, result = run(record, target)
    assert result.cpu_s < 30
    assert_right(truth, result)


# --- at any moment ------------------------------------------------------------------------------


def comes_to_trace(recorder):
    """Or has ended before that."""
    try:
        recorder.wait_tracing()
    except pytest.fail.Exception:
        return False
    return True


def wait_for_the_end(recorder):
    """Ends by itself, or when told to once it traces; never with a signal, never without its
    sentence."""
    if comes_to_trace(recorder):
        with contextlib.suppress(subprocess.TimeoutExpired):
            recorder.process.wait(2)
        recorder.process.send_signal(signal.SIGINT)
    status = recorder.process.wait(TIMEOUT)
    stderr = recorder.stderr.rest()
    assert status in (0, 3), (status, stderr)
    if status == 0:
        json.loads(recorder.path.read_text())
    else:
        assert len([line for line in stderr.splitlines() if "calls per second" not in line]) == 1
    return status


@pytest.mark.parametrize("seed", range(8))
def test_the_target_ends_at_any_moment(tmp_path, seed):
    moment = random.Random(seed).uniform(0, 1.5)
    with Target("hostile", "--jit") as target:
        recorder = Recorder(tmp_path, "-p", target.pid)
        time.sleep(moment)
        target.kill()
        try:
            wait_for_the_end(recorder)
        finally:
            recorder.kill()


@pytest.mark.parametrize("seed", range(8))
def test_the_target_cuts_a_library_at_any_moment(tmp_path, library, seed):
    """Whoever maps the file to read it gets a SIGBUS; the target, which runs it, too."""
    moment = random.Random(seed).uniform(0, 1.5)
    with Target("hostile", "--library", library) as target:
        recorder = Recorder(tmp_path, "-p", target.pid)
        time.sleep(moment)
        os.truncate(library, 0)
        target.go()
        try:
            wait_for_the_end(recorder)
        finally:
            recorder.kill()


@pytest.mark.parametrize("seed", range(6))
def test_the_target_executes_itself_anew(tmp_path, seed):
    with Target("hostile", "--execs", 1) as first:
        first.kill()
    moment = random.Random(seed).uniform(0, 0.3)
    process = subprocess.Popen([program("hostile"), "--execs", "60"], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL)
    try:
        time.sleep(moment)
        recorder = Recorder(tmp_path, "-p", process.pid)
        try:
            wait_for_the_end(recorder)
        finally:
            recorder.kill()
    finally:
        process.kill()
        process.wait(TIMEOUT)
        process.stdin.close()
