# SPDX-License-Identifier: BSD-2-Clause
"""Whatever outputs there are and however a recording ends, what was measured is there afterwards.

Each case draws, from a fixed seed, outputs of which some cannot be written when it comes to that, and
an end: a signal, the end of the target, the end of the time. What is left must be the target's truth.
"""
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Lines, Target

ENDINGS = [".txt", ".folded", ".svg", ".html", ".json", ".pb.gz"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
           signal.SIGUSR2, signal.SIGALRM, signal.SIGXCPU, signal.SIGPIPE, signal.SIGXFSZ,
           signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR]
HARMLESS = (signal.SIGPIPE, signal.SIGXFSZ)


class Plan:
    """What one case does."""

    def __init__(self, seed, directory):
        dice = random.Random(seed)
        self.directory = directory
        self.outputs = [directory / f"whole{number}{ending}" for number, ending in
                        enumerate(dice.choices(ENDINGS, k=dice.randint(0, 3)))]
        self.doomed = [directory / "doomed" / f"gone{number}{ending}" for number, ending in
                       enumerate(dice.choices(ENDINGS, k=dice.randint(0, 2)))]
        self.full = dice.random() < 0.3
        self.stdout = dice.choice(["kept", "kept", "full", "closed"])
        self.asks_for_stdout = dice.random() < 0.4
        self.file_limit = dice.choice([None, None, 0, 1000])
        self.end = dice.choice(["signal"] * 4 + ["target ends", "target is killed", "time"])
        self.signal = dice.choice(SIGNALS)
        self.interval = dice.random() < 0.2

    def options(self):
        paths = self.outputs + self.doomed + ([pathlib.Path("/dev/full")] if self.full else [])
        options = [word for path in paths for word in ("-o", path)] + ["-f", "text"]
        if self.asks_for_stdout:
            options += ["-o", "-"]
        if self.interval:
            options += ["-i", "0.05"]
        if self.end == "time":
            options += ["-d", "1"]
        return options

    def limit(self):
        if self.file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit,) * 2)

    def fate_of_stdout(self):
        """A descriptor for it: a pipe, whose reader goes away, or a disk that is full."""
        if self.stdout == "full":
            return os.open("/dev/full", os.O_WRONLY)
        return subprocess.PIPE


def finish(plan, target, process):
    """Ends the recording. SIGPIPE and SIGXFSZ end nothing: an interrupt follows."""
    if plan.end == "signal":
        process.send_signal(plan.signal)
        if plan.signal in HARMLESS:
            process.send_signal(signal.SIGINT)
    elif plan.end == "target ends":
        target.finish()
    elif plan.end == "target is killed":
        target.kill()


def run(plan):
    """The truth, exit status, what stdout and stderr got."""
    (plan.directory / "doomed").mkdir()
    stdout = plan.fate_of_stdout()
    with Target("family") as target:
        process = subprocess.Popen(
            [UNFREED, "record", "--exact", "-p", str(target.pid), *map(str, plan.options())],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
            preexec_fn=plan.limit)
        try:
            errors = Lines(process.stderr)
            errors.until("^unfreed: tracing ")
            shutil.rmtree(plan.directory / "doomed")
            shown = Lines(process.stdout) if plan.stdout == "kept" else None
            if plan.stdout == "closed":
                process.stdout.close()
            target.go()
            truth = target.truth()
            finish(plan, target, process)
            status = process.wait(TIMEOUT)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if stdout != subprocess.PIPE:
                os.close(stdout)
    return truth, status, shown.rest() if shown else "", errors.rest()


def saved_total(path):
    """(bytes, blocks) that a file of any format says, None where it does not say blocks."""
    if path.suffix == ".folded":
        return sum(int(line.rsplit(" ", 1)[1]) for line in path.read_text().splitlines()), None
    if path.suffix == ".txt":
        return shown_total(path.read_text())
    if path.name.endswith(".pb.gz"):
        text = subprocess.run([UNFREED, "report", path, "-f", "json"], check=True, text=True,
                              capture_output=True, timeout=TIMEOUT).stdout
    elif path.suffix == ".json":
        text = path.read_text()
    else:
        assert path.stat().st_size > 1000
        return None
    totals = json.loads(text)["totals"]
    return totals["live_bytes"], totals["live_blocks"]


def shown_total(text):
    """Bytes and blocks of the last report as text; bytes as printed."""
    rows = re.findall(r"^([\d.]+ [kMG]?B) in ([\d,]+) blocks? not freed", text, re.M)
    assert rows, text
    return rows[-1][0], int(rows[-1][1].replace(",", ""))


def assert_total(found, truth):
    if found is None:
        return
    size, blocks = found
    if blocks is not None:
        assert blocks == truth["live_blocks"]
    if isinstance(size, int):
        assert size == truth["live_bytes"]


def check(seed, directory):
    plan = Plan(seed, directory)
    truth, status, shown, errors = run(plan)
    written = [path for path in plan.outputs if path.exists()]
    for path in written:
        assert_total(saved_total(path), truth)
    if plan.file_limit is None:
        assert written == plan.outputs
    if not plan.outputs and plan.stdout == "closed":
        return  # nobody wanted to know
    if plan.stdout == "kept" and (plan.asks_for_stdout or not written):
        assert_total(shown_total(shown), truth)
    elif not written and plan.stdout == "full":
        assert_total(shown_total(errors), truth)
    failed = len(written) < len(plan.outputs) or plan.doomed or plan.full
    assert status == 1 or not failed and status == 0, errors
    assert not re.search("Killed|Segmentation|core dumped", errors) or plan.end == "target is killed"


@pytest.mark.parametrize("seed", range(12))
def test_nothing_measured_is_lost(tmp_path, seed):
    check(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_nothing_measured_is_lost_in_two_hundred(tmp_path, seed):
    check(seed, tmp_path)
