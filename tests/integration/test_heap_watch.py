# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap --watch`: the function that fills a container, makes instances or replaces a value,
as the program itself says."""
import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, eventually
from pythons import begin, choose, find_pythons, started, tell, truth_of, with_long  # noqa: F401
from servers import children

PYTHONS = choose(find_pythons(), 8, 11, 13, 14)
EPOLL_WAIT = {"x86_64": 232, "aarch64": 22}[platform.machine()]


def command_of(pid, what, *options):
    return [UNFREED, "heap", str(pid), "--watch", what, *options]


def watch(pid, what, *options):
    return subprocess.run(command_of(pid, what, *options), capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)


@pytest.mark.parametrize("python", with_long(PYTHONS, 11, 14))
def test_who_fills_it(python, started):  # noqa: F811
    process = begin(python, started, "python_fills.py")
    for name, (kind, function) in truth_of(process).items():
        run = watch(process.pid, name, "-f", "json", "-d", "10")
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout)
        assert told["schema"] == "unfreed/watch/1"
        assert told["type"] == kind
        assert told["name"] == name + ".queue" * (kind == "collections.deque")
        first = told["filled_by"][0]
        assert function in {frame["name"].rpartition(".")[2] for frame in first["frames"][:3]}
        assert first["own"] is not None
        assert first["frames"][first["own"]]["file"].endswith("python_fills.py")
        assert told["hits"] >= 1
    tell(process)
    assert process.wait(TIMEOUT) == 0


def test_the_text(started):  # noqa: F811
    process = begin(PYTHONS[0].values[0], started, "python_fills.py")
    run = watch(process.pid, "__main__.HISTORY")
    assert run.returncode == 0, run.stderr
    assert "dict __main__.HISTORY" in run.stdout
    assert "remember" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80


def told_of_forks(run):
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def watch_forks(pid, *options):
    return told_of_forks(watch(pid, "__main__.HISTORY", "-f", "json", *options))


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def links_of(pid):
    for file in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield os.readlink(file)


def is_watching(pid, events):
    """So many watchpoints are there, and what their words hold is known: it sleeps until a hit."""
    call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return call == str(EPOLL_WAIT) and \
        list(links_of(pid)).count("anon_inode:[perf_event]") == events


def watch_stopped(process, stopped):
    """What is told of a process and its workers, of which these stand still until each is watched:
    the length of the dictionary, and the place where it is held."""
    arguments = command_of(process.pid, "__main__.HISTORY", "-f", "json", "--follow-forks")
    events = 2 * len({process.pid, *stopped})
    try:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as tool:
            eventually(lambda: is_watching(tool.pid, events), "it never watches")
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            stdout, stderr = tool.communicate(timeout=TIMEOUT)
        return told_of_forks(subprocess.CompletedProcess(arguments, tool.returncode, stdout, stderr))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("python", with_long(PYTHONS, 11, 14))
def test_what_forked_workers_fill(python, started):  # noqa: F811
    """The container is the parent's, which puts nothing into it itself; of each worker the first of
    its five entries may have been anything."""
    process = begin(python, started, "python_forks_fill.py")
    alone = watch_forks(process.pid, "-d", "1")
    assert (alone["hits"], alone["follows_forks"], alone["filled_by"]) == (0, False, [])
    os.kill(process.pid, signal.SIGSTOP)
    eventually(lambda: all(state_of(worker) == "Z" for worker in children(process.pid)),
               "a worker goes on")
    told = watch_stopped(process, [process.pid])
    assert told["follows_forks"]
    assert told["unsure"] > 5
    assert 0 <= 4 * told["unsure"] - told["grew"] <= 4  # of the last worker's some are missing
    assert told["net"] == told["grew"] and not told["shrank"]
    assert told["filled_by"][0]["count"] >= 64
    assert "remember" in told["filled_by"][0]["frames"][0]["name"]
    assert "serve_one" in told["filled_by"][0]["frames"][1]["name"]
    text = watch(process.pid, "__main__.HISTORY", "--follow-forks").stdout
    assert "first writes in forked processes" in text
    assert max(map(len, text.splitlines())) <= 80
    tell(process)
    assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize("python", with_long(PYTHONS, 11, 14))
def test_what_workers_fill_that_were_there(python, started):  # noqa: F811
    """What they have been forked with is known, and so is what each write does."""
    process = begin(python, started, "python_forks_fill.py", 3)
    workers = children(process.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    told = watch_stopped(process, workers)
    assert (told["forks"], told["unsure"], told["shrank"]) == (3, 0, 0)
    assert told["grew"] == told["net"] >= 64
    assert "remember" in told["filled_by"][0]["frames"][0]["name"]
    assert " + 3 workers  dict __main__.HISTORY" in watch(
        process.pid, "__main__.HISTORY", "--follow-forks").stdout
    assert watch_forks(process.pid, "-d", "0.5")["hits"] == 0
    tell(process)
    assert process.wait(TIMEOUT) == 0


def test_what_is_not_there(started):  # noqa: F811
    process = begin(PYTHONS[0].values[0], started, "python_fills.py")
    run = watch(process.pid, "nobody.NOTHING")
    assert run.returncode == 3
    assert run.stderr.startswith("unfreed: there is no object, class or variable nobody.NOTHING")
    assert run.stderr.count("\n") == 1
