# SPDX-License-Identifier: BSD-2-Clause
"""What ends `unfreed heap -i` and `--watch` before their time: it is noticed at once, and what was
measured is told."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, eventually
from pythons import of_system, started  # noqa: F401: a fixture

SYS_EPOLL_WAIT = "232 "


def waits(tool):
    return pathlib.Path(f"/proc/{tool.pid}/syscall").read_text().startswith(SYS_EPOLL_WAIT)


def begin(pid, *options):
    """Looks an hour apart; returns when it waits for the second."""
    tool = subprocess.Popen([UNFREED, "heap", "-p", str(pid), "-i", "3600", "--looks", "2", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: waits(tool), "it never waited")
    return tool


def count_watchpoints(tool):
    count = 0
    for file in pathlib.Path(f"/proc/{tool.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(file) == "anon_inode:[perf_event]"
    return count


def hear_hangups():
    """Whoever runs us under nohup does not want us to."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def begin_watch(pid):
    """For an hour; returns when the dictionary's length and the place that holds it are watched."""
    tool = subprocess.Popen([UNFREED, "heap", str(pid), "--watch", "__main__.HISTORY", "-d", "3600",
                             "-f", "json"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=hear_hangups)
    eventually(lambda: waits(tool) and count_watchpoints(tool) == 2, "it never watches")
    return tool


@pytest.fixture
def target(started):  # noqa: F811
    process = of_system().start("python_large.py", 1)
    started.append(process)
    process.lines.until("^ready$")
    return process


def fill(process, entries):
    process.stdin.write(f"{entries}\n")
    process.stdin.flush()
    process.lines.until(f"^{entries}$")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(end):
    with Target("lost_blocks") as target:
        tool = begin(target.pid)
        tool.send_signal(end)
        text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 0, errors
    assert "malloc live" in text


def test_the_target(target):
    """What was seen of it is told."""
    tool = begin(target.pid)
    os.kill(target.pid, signal.SIGKILL)
    text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 3
    assert errors == f"unfreed: process {target.pid} ended after 1 of 2 looks\n"
    assert "__main__.FILL" in text


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_watch(end, target):
    tool = begin_watch(target.pid)
    fill(target, 5)
    tool.send_signal(end)
    text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 0, errors
    told = json.loads(text)
    assert (told["end"], told["net"], told["grew"]) == ("interrupted", 5, 5)
    assert "keep" in told["filled_by"][0]["frames"][0]["name"]


def test_the_target_in_a_watch(target):
    tool = begin_watch(target.pid)
    fill(target, 5)
    os.kill(target.pid, signal.SIGKILL)
    text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 0, errors
    told = json.loads(text)
    assert (told["end"], told["net"]) == ("ended with the process", 5)


def test_a_signal_before_a_watch(target):
    """The looks are what was measured."""
    tool = begin(target.pid, "--watch", "__main__.HISTORY")
    tool.send_signal(signal.SIGINT)
    text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 0, errors
    assert "__main__.FILL" in text
