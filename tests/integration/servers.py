# SPDX-License-Identifier: BSD-2-Clause
"""Servers from Debian packages, unpacked under the build directory and never installed."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from conftest import BUILD, TIMEOUT, Lines, needs

SERVERS = BUILD / "servers"


def missing_packages(names):
    """The packages and what they depend on beyond what this machine has."""
    plan = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", *names],
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    if plan.returncode:
        pytest.skip(f"apt-get knows no {' '.join(names)}: {plan.stderr.strip()[-200:]}")
    return set(re.findall(r"^Inst (\S+)", plan.stdout, re.MULTILINE)) | set(names)


def unpack(*names):
    """The root that holds the packages; downloaded once. Skips the test where that fails."""
    needs("apt-get")
    root = SERVERS / names[0]
    if (root / "complete").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    got = subprocess.run(["apt-get", "download", *sorted(missing_packages(names))], cwd=root,
                         capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"apt-get download {names[0]}: {got.stderr.strip()[-200:]}")
    for package in root.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
        package.unlink()
    (root / "complete").touch()
    return root


def environment(root):
    """Libraries of the packages first."""
    paths = {str(path.parent) for path in (root / "usr/lib").rglob("*.so*") if path.is_file()}
    paths = sorted(path for path in paths if re.search(r"/usr/lib(/[^/]+-linux-[^/]+)?$", path))
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths), "LC_ALL": "C"}


class Server:
    """A server in the foreground, until `ready` (a pattern) is in what it prints."""

    def __init__(self, root, command, ready, **options):
        self.environment = environment(root)
        self.process = subprocess.Popen([str(word) for word in command], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, **options)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        if ready:
            self.lines.until(ready)

    def run(self, *command, **options):
        """A client, to its end; its stdout."""
        done = subprocess.run([str(word) for word in command], env=self.environment, text=True,
                              stdout=subprocess.PIPE, check=True, timeout=TIMEOUT, **options)
        return done.stdout

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)


def children(pid):
    found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]
