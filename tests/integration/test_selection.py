# SPDX-License-Identifier: BSD-2-Clause
"""--comm, --match, --container and --cgroup, of every command that looks at a process, on processes whose name
and cgroup are made here."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import uuid

import pytest

from conftest import TIMEOUT, UNFREED, Lines

USAGE, TARGET = 2, 3
SOURCE = """
import os, sys
for _ in range(int(sys.argv[1])):
    if not os.fork():
        os.write(1, b"%d\\n" % os.getpid())
        break
else:
    os.write(1, b"ready\\n")
sys.stdin.readline()
"""


@pytest.fixture
def name():
    """A name that nobody else has, of the 15 bytes that a comm holds."""
    return f"u{uuid.uuid4().hex[:14]}"


def end(process):
    """With its workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()


@pytest.fixture
def start(tmp_path, name):
    """Starts a program of that name with some workers: it and their PIDs."""
    with contextlib.ExitStack() as stack:
        def begin(workers=0, group=None):
            link = tmp_path / name
            if not link.exists():
                link.symlink_to(os.path.realpath(sys.executable))
            enter = group and (lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
            process = subprocess.Popen(
                [link, "-c", SOURCE, str(workers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, preexec_fn=enter, start_new_session=True)
            stack.callback(end, process)
            lines = Lines(process.stdout)
            pids = [lines.next("a worker") for _ in range(workers + 1)]
            pids.remove("ready")
            return process, sorted(map(int, pids))

        yield begin


def cgroup_mount():
    """Where groups can be made: version 2, or a hierarchy of version 1."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    for kind in ("cgroup2", "cgroup"):
        for mount in mounts:
            if mount[2] == kind and os.access(mount[1], os.W_OK):
                return pathlib.Path(mount[1])
    pytest.skip("no cgroups are mounted here")


@pytest.fixture
def group():
    """A group with one below it, named as Docker names that of a container."""
    path = cgroup_mount() / f"unfreed-test-{uuid.uuid4().hex}"
    below = path / f"docker-{uuid.uuid4().hex * 2}.scope"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    below.mkdir()
    yield below
    remove(below)
    path.rmdir()


def remove(group):
    """What was killed leaves its group a moment later."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return group.rmdir()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def run(*arguments, status=0, **options):
    done = subprocess.run([UNFREED, *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, check=False, **options)
    assert done.returncode == status, done.stderr
    return done


def refused(*arguments, status):
    done = run(*arguments, status=status)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("unfreed: ")
    return done.stderr


def names_of(group):
    """Everything that --cgroup and --container may say of a group."""
    identity = group.name[len("docker-"):-len(".scope")]
    mount = cgroup_mount()
    return [["--container", identity], ["--container", identity[:12]], ["--cgroup", group],
            ["--cgroup", group.parent], ["--cgroup", group.relative_to(mount)],
            ["--cgroup", f"/{group.parent.relative_to(mount)}"]]


def looked_at(*arguments):
    return json.loads(run("heap", *arguments, "-f", "json").stdout)["target"]["pid"]


def test_heap_by_name(start, name):
    process, _ = start()
    assert looked_at("--comm", name) == process.pid


def test_heap_by_command_line(start, name):
    """What starts it has the pattern in its own command line, and is not meant."""
    process, _ = start()
    assert looked_at("--match", f"/{name} -c ") == process.pid
    shell = subprocess.run(["sh", "-c", f'"$1" heap --match "/{name} -c " -f json; exit $?', "sh", UNFREED],
                           capture_output=True, text=True, timeout=TIMEOUT)
    assert json.loads(shell.stdout)["target"]["pid"] == process.pid, shell.stderr
    assert "Unmatched" in refused("heap", "--match", "(", status=USAGE)


def test_heap_in_a_container_or_cgroup(group, start):
    process, _ = start(group=group)
    for way in names_of(group):
        assert looked_at(*way) == process.pid, way


def test_of_several_heap_names_each(start, name):
    process, workers = start(workers=2)
    said = refused("heap", "--comm", name, status=USAGE)
    for pid in (process.pid, *workers):
        assert f"{pid} ({name}, " in said
    assert f"--comm {name} means 3" in said


def test_why_takes_a_master_for_its_workers(start, name, tmp_path):
    process, workers = start(workers=2)
    run("why", "--comm", name, "-d", "1", "-o", "why.json", cwd=tmp_path)
    answer = json.loads((tmp_path / "why.json").read_text())
    assert answer["target"]["pid"] == process.pid
    assert answer["processes"] == len(workers)


def test_why_of_two_masters_names_both(start, name):
    first, _ = start(workers=1)
    second, _ = start(workers=1)
    said = refused("why", "--comm", name, status=USAGE)
    assert "means 2: " in said
    assert f"{first.pid} ({name}" in said and f"{second.pid} ({name}" in said


def traced(*arguments):
    done = run("record", *arguments, "-d", "0.1")
    return set(map(int, re.findall(r"tracing (\d+) ", done.stderr)))


def test_record_traces_all_of_them(group, start):
    process, workers = start(workers=2, group=group)
    for way in names_of(group)[::3]:
        assert traced(*way) == {process.pid, *workers}


def test_record_takes_an_argument(start):
    process, workers = start(workers=1)
    pids = [process.pid, *workers]
    for arguments in ([",".join(map(str, pids))], pids, [pids[0], "-p", pids[1]]):
        assert traced(*arguments) == set(pids)


def test_doctor_by_name(start, name):
    process, _ = start()
    assert f"process {process.pid} ({name})" in run("doctor", "--comm", name).stdout
    assert f"process {process.pid} ({name})" in run("doctor", process.pid).stdout


@pytest.mark.parametrize("command", ["heap", "why", "record", "doctor"])
def test_nobody_is_there(command, group):
    assert '"no-such-comm"' in refused(command, "--comm", "no-such-comm", status=TARGET)
    assert "names of containers" in refused(command, "--container", "web", status=TARGET)
    assert "there is no cgroup no/such" in refused(command, "--cgroup", "no/such", status=TARGET)
    assert "no process is in cgroup" in refused(command, "--cgroup", group, status=TARGET)


@pytest.mark.parametrize("command", ["heap", "why", "record", "doctor"])
def test_one_way_at_a_time(command):
    for ways in (["1", "--comm", "x"], ["--comm", "x", "--cgroup", "y"],
                 ["--container", "x", "--container", "y"]):
        assert "one of" in refused(command, *ways, status=USAGE)


@pytest.mark.parametrize("option, needed", [
    ("--container", "an ID"), ("--cgroup", "a path below /sys/fs/cgroup"), ("--comm", "a name")])
def test_an_empty_name(option, needed):
    """It is the beginning of every ID, and what a script's variable is that was not set."""
    for command in ["heap", "why", "record", "doctor"]:
        assert refused(command, option, "", status=USAGE) == f'unfreed: {option} needs {needed}, not ""\n'


@pytest.mark.parametrize("command", ["why", "record"])
def test_a_command_is_another_way(command):
    assert "one of" in refused(command, "--comm", "x", "--", "true", status=USAGE)
    assert "one of" in refused(command, "1", "--", "true", status=USAGE)
    assert "put --" in refused(command, "true", status=USAGE)


def test_all_end_while_they_are_looked_for(start, name):
    """One that has ended is nobody, though its number is still taken."""
    process, _ = start()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert name in refused("heap", "--comm", name, status=TARGET)
