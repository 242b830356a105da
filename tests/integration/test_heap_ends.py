# SPDX-License-Identifier: BSD-2-Clause
"""What ends `unfreed heap -i` before its time: it is noticed at once, not by the next look."""
import os
import pathlib
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, eventually
from pythons import of_system, started  # noqa: F401: a fixture

SYS_EPOLL_WAIT = "232 "


def begin(pid):
    """Looks an hour apart; returns when it waits for the second."""
    tool = subprocess.Popen([UNFREED, "heap", "-p", str(pid), "-i", "3600", "--looks", "2"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    doing = pathlib.Path(f"/proc/{tool.pid}/syscall")
    eventually(lambda: doing.read_text().startswith(SYS_EPOLL_WAIT), "it never waited")
    return tool


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(end):
    with Target("lost_blocks") as target:
        tool = begin(target.pid)
        tool.send_signal(end)
        text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 0, errors
    assert "malloc live" in text


def test_the_target(started):  # noqa: F811
    """What was seen of it is told."""
    target = of_system().start("python_large.py", 1)
    started.append(target)
    target.lines.until("^ready$")
    tool = begin(target.pid)
    os.kill(target.pid, signal.SIGKILL)
    text, errors = tool.communicate(timeout=TIMEOUT)
    assert tool.returncode == 3
    assert errors == f"unfreed: process {target.pid} ended after 1 of 2 looks\n"
    assert "__main__.FILL" in text
