# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor` tells who started it, as systemd does: sd_notify(3), at a socket of ours."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest

from cgroups import memory_group
from conftest import TIMEOUT, eventually
from monitors import Monitor

VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]


class Supervisor:
    """Datagrams, as they come."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(TIMEOUT)
        self.others = []  # that came before what was waited for

    def until(self, pattern):
        while not re.search(pattern, text := self.socket.recv(4096).decode()):
            self.others.append(text)
        return text


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path, monkeypatch):
    name = str(tmp_path / "notify") if request.param == "path" else f"@{uuid.uuid4().hex}"
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    supervisor = Supervisor(name.replace("@", "\0"))
    yield supervisor
    supervisor.socket.close()


def test_ready_after_the_first_round_and_its_end(supervisor):
    """There is but one round in an hour."""
    with Monitor("-p", os.getpid(), "-i", 3600) as monitor:
        assert re.fullmatch(r"STATUS=Processes: \d+, services: 1, findings: 0",
                            supervisor.until("^STATUS="))
        assert not supervisor.others
        supervisor.until("^READY=1$")
        assert monitor.metrics().one("unfreed_self_rounds_total") == 1
        assert monitor.end() == 0
        supervisor.until("^STOPPING=1$")
    assert not supervisor.others, "no sign of life was asked for"


def test_signs_of_life(supervisor, monkeypatch):
    """Before each time that it is given is over, none while it is stopped."""
    given_s = 1
    monkeypatch.setenv("WATCHDOG_USEC", str(given_s * 1000000))
    with Monitor("-p", os.getpid(), "-i", 3600) as monitor:
        supervisor.until("^READY=1$")
        for _ in range(3):
            since = time.monotonic()
            supervisor.until("^WATCHDOG=1$")
            assert time.monotonic() - since < given_s
        monitor.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, monitor.pid, os.WSTOPPED)
        supervisor.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                supervisor.socket.recv(4096)
        supervisor.socket.settimeout(given_s)
        with pytest.raises(TimeoutError):
            supervisor.socket.recv(4096)
        supervisor.socket.settimeout(TIMEOUT)
        monitor.process.send_signal(signal.SIGCONT)
        supervisor.until("^WATCHDOG=1$")
        assert monitor.end() == 0


def test_a_watchdog_of_another_process(supervisor, monkeypatch):
    """Who started us may be watched, and has left us its environment."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    with Monitor("-p", os.getpid()) as monitor:
        supervisor.until("^READY=1$")
        for _ in range(5):
            supervisor.until("^STATUS=")
        assert monitor.end() == 0
    assert all(text.startswith("STATUS=") for text in supervisor.others)


@pytest.mark.parametrize("supervisor", ["path"], indirect=True)
def test_what_it_starts_is_not_heard(supervisor, monkeypatch, tmp_path):
    """Neither by the environment nor by a descriptor."""
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("OF_OURS", "1")
    told = tmp_path / "told"
    program = tmp_path / "alert"
    program.write_text(f"#!/bin/sh\n{{ env; ls -l /proc/self/fd; }} >{told}.new\nmv {told}.new {told}\n")
    program.chmod(0o755)
    with memory_group(64) as group:
        target = subprocess.Popen([sys.executable, "-c", "data = b'x' * (54 << 20); input()"],
                                  stdin=subprocess.PIPE, preexec_fn=group.enter)
        try:
            with Monitor("-p", target.pid, "--budget", 0, "--exec", program):
                eventually(told.exists, "it was not started")
        finally:
            target.kill()
            target.wait(TIMEOUT)
    text = told.read_text()
    assert "OF_OURS=1" in text and not [name for name in VARIABLES if name in text]
    assert "/proc/" in text and "socket:" not in text


def test_nobody_who_wants_to_hear(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    with Monitor("-p", os.getpid()) as monitor:
        monitor.until_round()
        process = pathlib.Path(f"/proc/{monitor.pid}")
        rows = (process / "net/unix").read_text().splitlines()[1:]
        links = {os.readlink(path) for path in (process / "fd").iterdir()}
        assert not links & {f"socket:[{row.split()[6]}]" for row in rows}
