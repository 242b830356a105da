# SPDX-License-Identifier: BSD-2-Clause
"""What deploy/unfreed-monitor.service permits is enough for `unfreed monitor`, and needed."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT, TIMEOUT, UNFREED, eventually, needs
from monitors import Monitor, service  # noqa: F401

UNIT = (ROOT / "deploy/unfreed-monitor.service").read_text()
CAPABILITIES = re.search("^AmbientCapabilities=(.*)", UNIT, re.M)[1].lower().replace("cap_", "").split()
USER = 65534


def permitted(*capabilities):
    """A command that starts others as a user with these alone, as systemd does."""
    only = "".join(f",+{name}" for name in capabilities)
    return [needs("setpriv"), f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs",
            *(f"--{kind}=-all{only}" for kind in ("bounding-set", "inh-caps", "ambient-caps"))]


def test_there_are_no_others_to_be_had():
    assert re.search("^CapabilityBoundingSet=(.*)", UNIT, re.M)[1].lower().replace("cap_", "").split() == \
        CAPABILITIES
    assert re.search("^NoNewPrivileges=yes$", UNIT, re.M) and re.search("^DynamicUser=yes$", UNIT, re.M)


def test_with_them_it_tells_lines(service, tmp_path):  # noqa: F811
    """Of a process of root's; which line fills a container is what a hardware watchpoint and BPF see."""
    history = tmp_path / "state/history"
    history.parent.mkdir()
    os.chown(history.parent, USER, USER)
    with Monitor("-p", service.pid, "-d", 8, "--budget", 100, "--history", history,
                 before=permitted(*CAPABILITIES)) as monitor:
        monitor.stderr.until(r"__main__\.history: .* filled by remember \(")
        eventually(lambda: history.stat().st_uid == USER and history.stat().st_size, "it is not kept")
        assert monitor.end() == 0


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    """Another user's process, whose executable is gone."""
    directory = tmp_path_factory.mktemp("replaced")
    program = shutil.copy(shutil.which("sleep"), directory)
    process = subprocess.Popen([program, "3600"])
    eventually(lambda: os.readlink(f"/proc/{process.pid}/exe") == program, "it was not started")
    os.unlink(program)
    yield process
    process.kill()
    process.wait(TIMEOUT)


@pytest.mark.parametrize("without", [None, *CAPABILITIES])
def test_each_is_needed(replaced, without):
    capabilities = [name for name in CAPABILITIES if name != without]
    done = subprocess.run([*permitted(*capabilities), str(UNFREED), "doctor", "-p", str(replaced.pid)],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.returncode == 0) == (without is None), done.stdout + done.stderr
    # which may also be needed to start a program that lies where the others cannot go
    assert without in (None, "dac_read_search") or done.stderr.startswith("unfreed: ")
