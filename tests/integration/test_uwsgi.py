# SPDX-License-Identifier: BSD-2-Clause
"""An interpreter that lies in a library of a server's plugin: uWSGI, whose workers are followed."""
import json
import os
import pathlib
import signal
import socket

import pytest

from conftest import ROOT, needs
from servers import Server, children, directory  # noqa: F401: a fixture

APPLICATION = ROOT / "tests/programs/python_uwsgi.py"
PLUGIN = pathlib.Path("/usr/lib/uwsgi/plugins/python3_plugin.so")
WORKERS = 2
[LINE] = [number for number, line in enumerate(APPLICATION.read_text().splitlines(), 1)
          if "kept.append" in line]


class Uwsgi(Server):
    def __init__(self, path):
        if not PLUGIN.exists():
            pytest.skip("uwsgi-plugin-python3 is not installed")
        self.path = f"{path}/socket"
        super().__init__(pathlib.Path("/"), [
            needs("uwsgi"), "--plugin", "python3", "--master", "--processes", WORKERS,
            "--http-socket", self.path, "--wsgi-file", APPLICATION, "--need-app", "--die-on-term",
            "--disable-logging"], None)
        for _ in range(WORKERS):
            self.lines.until("^spawned uWSGI worker")

    def ask(self, path):
        """What one of the workers says of itself."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    def serve(self, requests):
        """Until every worker that lives has kept what so many requests leave: its truth by pid."""
        truths = {pid: {"blocks": 0} for pid in children(self.pid)}
        assert len(truths) == WORKERS
        while min(truth["blocks"] for truth in truths.values()) < 200 * requests:
            truth = self.ask("/keep")
            truths[truth["pid"]] = truth
        return truths


def kept_bytes(report, pid):
    """At the line that keeps."""
    seen = 0
    for stack in report["stacks"]:
        frames = [frame for frame in stack["frames"] if frame["kind"] == "python"]
        if stack["pid"] == pid and frames and frames[-1]["line"] == LINE and \
                frames[-1]["file"] == str(APPLICATION):
            assert [frame["name"] for frame in frames] == ["application", "keep"]
            seen += stack["live_bytes"]
    return seen


@pytest.mark.parametrize("mode", ["auto", "exact"])
def test_workers(mode, record, directory):  # noqa: F811
    """Of a master that is named alone: those it has, and those it will have."""
    with Uwsgi(directory) as server:
        recorder = record(server, options=["--python", mode, "--follow-forks"])
        truths = server.serve(25)
        killed = min(truths)
        os.kill(killed, signal.SIGKILL)
        server.lines.until("^Respawned uWSGI worker")
        truths.update(server.serve(25))
        result = recorder.stop()
        assert server.stop() == 0
    assert result.status == 0, result.stderr
    targets = {target["pid"]: target["python"] for target in result.report["targets"]}
    assert len(truths) == WORKERS + 1
    assert set(truths) <= set(targets) <= {*truths, server.pid}
    for pid, truth in truths.items():
        seen = kept_bytes(result.report, pid)
        print(f"{pid}: {targets[pid]}, {seen} of {truth['bytes']} bytes")
        assert targets[pid]["mode"] == "exact"
        assert seen == truth["bytes"]
        if pid != killed:
            assert targets[pid]["coverage_percent"] >= 99.9
