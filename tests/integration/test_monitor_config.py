# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed monitor --config`: options in a file, below those of the command line, read again at SIGHUP."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Target, eventually
from monitors import Monitor, near_limit
from servers import children

FAILURE, USAGE, TARGET = 1, 2, 3


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "unfreed.conf"
    path.touch(0o644)
    return path


@pytest.fixture(scope="module")
def target():
    with Target("prefork") as target:
        yield target


def budget(monitor):
    return monitor.metrics().one("unfreed_budget_ratio")


def test_what_is_in_it_counts(config, target):
    config.write_text(f"""\
# whom
pid = {target.pid}

; and how
[monitor]
budget = 0.5   ; percent
with-keys = no
max-memory: 100
history = {config.parent}/history
""")
    with Monitor("--config", config) as monitor:
        assert monitor.metrics().one("unfreed_service_processes", service=f"prefork[{target.pid}]") >= 1
        assert budget(monitor) == 0.005
        assert (config.parent / "history").exists()
        assert monitor.end() == 0


def test_the_command_line_counts_more(config, target):
    config.write_text("comm = nobody-is-called-so\nbudget = 0.5\nduration = 30\n")
    with Monitor("--config", config, "--budget", 0.25, "-p", target.pid) as monitor:
        assert monitor.metrics().one("unfreed_service_processes", service=f"prefork[{target.pid}]") >= 1
        assert budget(monitor) == 0.0025
        assert monitor.end() == 0


def test_a_hangup_reads_it_again(config, target):
    options = f"pid = {target.pid}\n"
    config.write_text(options)
    with Monitor("--config", config) as monitor:
        def reread(text):
            config.write_text(text)
            monitor.process.send_signal(signal.SIGHUP)

        assert budget(monitor) == 0.01
        for percent in (2, 3, 4, 5):
            reread(options + f"budget = {percent}\n")
            eventually(lambda: budget(monitor) == percent / 100, "it is not read")
        reread(options + "budget = 6\nbudgett = 7\n")
        monitor.stderr.until(rf'^unfreed: {config}, line 3: there is no option "budgett"$')
        reread(options + "budget = 6\nexec = /none/there\n")
        monitor.stderr.until("^unfreed: cannot execute /none/there: No such file or directory$")
        config.chmod(0o666)
        reread(options + "budget = 6\n")
        monitor.stderr.until(f"^unfreed: others can change {config}: ")
        assert budget(monitor) == 0.05, "all stays as it was"
        config.chmod(0o644)
        reread("comm = nobody-is-called-so\nbudget = 7\n")
        monitor.stderr.until(f"^unfreed: some of what changed in {config} counts when it is started anew$")
        eventually(lambda: budget(monitor) == 0.07, "it is not read")
        assert monitor.metrics().one("unfreed_service_processes", service=f"prefork[{target.pid}]") >= 1
        assert monitor.end() == 0


def test_without_one_a_hangup_looks_for_processes_alone(target):
    with Monitor("-p", target.pid) as monitor:
        monitor.process.send_signal(signal.SIGHUP)
        monitor.until_round()
        assert monitor.end() == 0


def run(config, *args):
    return subprocess.run([str(UNFREED), "monitor", "--listen", "127.0.0.1:0", "--config", str(config), *args],
                          capture_output=True, text=True, timeout=TIMEOUT)


@pytest.mark.parametrize("text, line, told", [
    ("comm = x\nbudgett = 1\n", 2, 'there is no option "budgett"'),
    ("comm = x\nconfig = y\n", 2, 'there is no option "config"'),
    ("comm = x\nreport-now = yes\n", 2, 'there is no option "report-now"'),
    ("comm = x\n\n# more\nbudget = much\n", 4, '--budget needs a number from 0 to 100, not "much"'),
    ("budget = 101\ncomm = x\n", 1, '--budget needs a number from 0 to 100, not "101"'),
    ("comm = x\nwith-keys = maybe\n", 2, 'yes or no is what it may be, not "maybe"'),
    ("comm = x\nbudget\n", 2, "it is neither a comment nor KEY = VALUE"),
    ("comm = x\n[monitor\n", 2, "it is neither a comment nor KEY = VALUE"),
    ("comm\nbudgett = 1\n", 1, "it is neither a comment nor KEY = VALUE"),
    ("budgett = 1\ncomm\n", 1, 'there is no option "budgett"'),
    ("comm = x\n[other]\nbudget = 1\n", 3, 'there is no section "other"'),
    ("budget = 1\ncomm = x\nbudget = 2\n", 3, 'it gives once more "budget"'),
    ("comm = x\n  budget = 2\n", 2, 'it gives once more "comm"'),
    ("comm = x\nwebhook = https://a/" + "b" * 300 + "\nbudget = 1\n", 2, "it is longer than it may be"),
    ("pid = none\n", 1, '-p needs a process number, not "none"'),
    ("comm =\n", 1, '--comm needs a name, not ""'),
    ("a\x1b[31m = 1\n", 1, r'there is no option "a\x1b[31m"'),
    ("= 1\n", 1, 'there is no option ""'),
])
def test_lines_that_are_none(config, text, line, told):
    config.write_text(text)
    done = run(config)
    assert (done.returncode, done.stderr) == (USAGE, f"unfreed: {config}, line {line}: {told}\n")


def test_of_lines_there_are_so_many(config):
    config.write_text("budget = 1\n" * 30000)
    assert run(config).stderr == f"unfreed: {config} is no file of options\n"


@pytest.mark.parametrize("text, status, told", [
    ("", USAGE, "monitor watches a process: give its PID, --container, --cgroup, --comm or --match"),
    ("comm = x\npid = 1\n", USAGE, "give a PID, or --container, --cgroup, --comm or --match: one of these"),
    ("report = /\ncomm = x\n", USAGE, "--report needs the file of --history"),
    ("pid = 4194303\n", TARGET, ".*4194303.*"),
])
def test_files_that_are_not_enough(config, text, status, told):
    config.write_text(text)
    done = run(config)
    assert done.returncode == status and re.fullmatch(f"unfreed: {told}\n", done.stderr)


def test_files_that_are_none(config):
    assert run(config.parent / "none").stderr == f"unfreed: cannot read {config.parent}/none: No such file or directory\n"
    assert run(config.parent).stderr == f"unfreed: {config.parent} is no file of options\n"
    os.mkfifo(config.parent / "fifo")
    assert run(config.parent / "fifo").stderr == f"unfreed: {config.parent}/fifo is no file of options\n"
    for mode in (0o664, 0o646):
        config.chmod(mode)
        done = run(config)
        assert (done.returncode, done.stderr) == (
            FAILURE, f"unfreed: others can change {config}: chown it and chmod go-w make it safe\n")
    config.chmod(0o600)
    os.chown(config, 65534, 65534)
    assert "others can change" in run(config).stderr


def test_a_receiver_changes_while_it_runs(config, tmp_path):
    """What the second one is told of the first one is not."""
    programs = [tmp_path / "first", tmp_path / "second"]
    for program in programs:
        program.write_text(f"#!/bin/sh\ncat >>{program}-told\n")
        program.chmod(0o700)
    config.write_text(f"exec = {programs[0]}\n")
    with near_limit("--config", config) as bell:
        for change, program in ((bell.ring, programs[0]), (bell.end, programs[1])):
            config.write_text(f"exec = {program}\n")
            bell.monitor.process.send_signal(signal.SIGHUP)
            bell.monitor.until_round()
            change()
            eventually(pathlib.Path(f"{program}-told").exists, "it is not told")
            eventually(lambda: not children(bell.monitor.pid), "it does not end")
            bell.monitor.until_round()
        config.write_text("")
        bell.monitor.process.send_signal(signal.SIGHUP)
        bell.monitor.until_round()
        bell.ring()
        bell.monitor.until_round()
        assert bell.dropped() == 0 and bell.monitor.end() == 0
    told = [json.loads(pathlib.Path(f"{program}-told").read_text()) for program in programs]
    assert [alert["change"] for alert in told] == ["new", "over"]
