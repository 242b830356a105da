# SPDX-License-Identifier: BSD-2-Clause
"""A library on a file system that a process serves (FUSE), and that process does not answer.

Who asks it anything can then not even be killed, so that a user's server is never asked."""
import json
import os
import pathlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from conftest import ROOT, TIMEOUT, UNFREED, Lines, Target
from test_hostile import NOBODY, assert_beside_is_whole, build_library, stacks_of

SERVER = ROOT / "tests/programs/fuse_server.py"
CONNECTIONS = ["unshare", "-m", "sh", "-c",
               'mount -t fusectl none /sys/fs/fuse/connections && exec "$@"', "sh"]
COMMANDS = {
    "heap": ["heap", "-p"],
    "doctor": ["doctor", "-p"],
    "why": ["why", "-q", "-d", "2", "-o", "-", "-p"],
}


class Server:
    def __init__(self, directory, library, uid):
        if not os.access("/dev/fuse", os.W_OK):
            pytest.skip("no /dev/fuse here")
        self.directory = directory
        self.directory.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, SERVER, directory, library, str(uid)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)
        self.lines.until("^ready$")
        self.library = directory / "lib.so"

    def do(self, what):
        """hold, let, silent"""
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        self.lines.until(f"^{what}$")

    def requests(self):
        """Those of its silence; what ran into it ends with the server."""
        self.process.stdin.close()
        requests = self.lines.rest()
        self.process.wait(TIMEOUT)
        return requests

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(TIMEOUT)
        subprocess.run(["umount", "-l", self.directory], stderr=subprocess.DEVNULL)


def run(server, command, directory, wrap=()):
    """A command on a target that has the library, while its server is silent: status, what it said, what
    was asked of the server."""
    with Target("hostile", "--library", server.library) as target:
        server.do("silent")
        process = subprocess.Popen([*wrap, UNFREED, *command, str(target.pid)], text=True,
                                   cwd=directory, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        try:
            errors = process.communicate(timeout=TIMEOUT)[1]
        finally:
            requests = server.requests()
            process.kill()
        return process.returncode, errors, requests


@pytest.mark.parametrize("wrap", [[], CONNECTIONS], ids=["mounts", "connections"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_users_server_is_not_asked(tmp_path, command, wrap):
    library = build_library(tmp_path)
    with Server(tmp_path / "mount", library, NOBODY) as server:
        status, errors, requests = run(server, command, tmp_path, wrap)
    assert "opcode" not in requests
    assert status == 0, errors


def record(target, path):
    recorder = subprocess.Popen([UNFREED, "record", "-o", path, "-p", str(target.pid)],
                                stderr=subprocess.PIPE, text=True)
    errors = Lines(recorder.stderr)
    errors.until("^unfreed: tracing ")
    target.go()
    target.truth()
    assert target.finish() == 0
    assert recorder.wait(TIMEOUT) == 0
    return json.loads(pathlib.Path(path).read_text())


def test_a_recording_goes_on_without_a_users_library(tmp_path):
    library = build_library(tmp_path)
    with Server(tmp_path / "mount", library, NOBODY) as server:
        with Target("hostile", "--library", server.library) as target:
            result = SimpleNamespace(report=record(target, tmp_path / "report.json"))
    assert_beside_is_whole(result)
    assert stacks_of(result, "leak_below_library")
    assert not stacks_of(result, "hostile_call")


def test_what_root_serves_is_read(tmp_path):
    library = build_library(tmp_path)
    with Server(tmp_path / "mount", library, 0) as server:
        with Target("hostile", "--library", server.library) as target:
            result = SimpleNamespace(report=record(target, tmp_path / "report.json"))
    assert stacks_of(result, "hostile_call")
