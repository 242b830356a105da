# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor --report` writes each day, and `--report-now` at once, out of a history."""
import calendar
import os
import re
import sqlite3
import stat
import subprocess
import time

import pytest

from conftest import TIMEOUT, UNFREED, Lines, eventually
from monitors import Monitor, service  # noqa: F401

FAILURE, USAGE = 1, 2


def report(*args):
    return subprocess.run([str(UNFREED), "monitor", "--report-now", *map(str, args)], capture_output=True,
                          text=True, timeout=TIMEOUT)


def note_report(history, at):
    """As if there had been one then."""
    with sqlite3.connect(history) as base:
        base.execute("CREATE TABLE IF NOT EXISTS report (at INTEGER PRIMARY KEY)")
        base.execute("INSERT INTO report VALUES (?)", [at])
    base.close()


def reports(history):
    base = sqlite3.connect(history)
    try:
        return [at for at, in base.execute("SELECT at FROM report ORDER BY at")]
    finally:
        base.close()


def test_of_a_service_that_leaks(service, tmp_path):  # noqa: F811
    """While it is watched; and once more, when nothing is new."""
    history, directory = tmp_path / "history", tmp_path / "reports"
    directory.mkdir()
    with Monitor("-p", service.pid, "-d", 8, "--budget", 100, "--history", history) as monitor:
        monitor.stderr.until(r"__main__\.history")
        eventually(lambda: "history" in report("--history", history).stdout, "it is not kept")
        text = report("--history", history)
        assert text.returncode == 0 and not text.stderr
        for words in (f"python3[{service.pid}]", "grows, no bound seen", "__main__.history", "filled by remember (",
                      "  gc        on; ", "in 1 process", "  new   ", "  came  ",
                      "  cache     __main__.render: ", " of 1,000 entries, 0 % hits"):
            assert words in text.stdout, text.stdout
        first = report("--history", history, "--report", directory)
        [page, plain] = sorted(directory.iterdir())
        assert first.returncode == 0 and first.stderr == f"unfreed: wrote {page}\n"
        assert page.suffix == ".html" and plain.suffix == ".txt"
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (page, plain))
        for path in (page, plain):
            assert "remember (" in path.read_text() and "__main__.history" in path.read_text()
        stacks = re.findall(r'<div class="(?:own|library)".*title="(.*): ([\d.]+) MB/h"', page.read_text())
        assert any(re.match(r"remember \(\S+/demo_service\.py:\d+\)", frame) for frame, _ in stacks), stacks
        assert stacks[0][0].startswith("&lt;module&gt; ("), "it begins with what was called first"
        [at] = reports(history)
        assert abs(at - time.time()) < TIMEOUT
        second = report("--history", history)
        since = time.strftime("since %Y-%m-%d %H:%M UTC", time.gmtime(at))
        assert since in second.stdout and "nothing came, went, or was found" in second.stdout
        assert "__main__.history" in second.stdout
        assert monitor.end() == 0


def test_each_day(service, tmp_path):  # noqa: F811
    """Of which there was none yet: at once; the next one is for tomorrow."""
    history = tmp_path / "history"
    with Monitor("-p", service.pid, "--history", history, "--budget", 0) as monitor:
        monitor.until_round()
        assert monitor.end() == 0
    note_report(history, int(time.time()) - 86400)
    for _ in range(2):
        with Monitor("-p", service.pid, "--history", history, "--budget", 0, "--report", tmp_path) as monitor:
            eventually(lambda: len(reports(history)) == 2, "there is no report")
            monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") > 20, "no rounds")
            assert monitor.end() == 0
        assert len(reports(history)) == 2
    assert {path.suffix for path in tmp_path.glob("unfreed-*")} == {".html", ".txt"}


def test_the_first_day_has_none(service, tmp_path):  # noqa: F811
    with Monitor("-p", service.pid, "--history", tmp_path / "history", "--budget", 0, "--report", tmp_path) as monitor:
        monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") > 20, "no rounds")
        assert monitor.end() == 0
    assert not list(tmp_path.glob("unfreed-*"))


def test_one_that_cannot_be_written(service, tmp_path):  # noqa: F811
    """It is said, and the monitor goes on."""
    history = tmp_path / "history"
    with Monitor("-p", service.pid, "--history", history, "--budget", 0) as monitor:
        monitor.until_round()
        assert monitor.end() == 0
    yesterday = int(time.time()) - 86400
    note_report(history, yesterday)
    for day in (0, 1):  # it may be midnight
        (tmp_path / time.strftime("unfreed-%Y-%m-%d.txt", time.gmtime(time.time() + day * 86400))).mkdir()
    with Monitor("-p", service.pid, "--history", history, "--budget", 0, "--report", tmp_path) as monitor:
        monitor.stderr.until(r"^unfreed: cannot write \S+/unfreed-\S+\.txt: Is a directory$")
        monitor.until_round()
        assert monitor.end() == 0
    assert reports(history) == [yesterday]


def days_ago(days):
    return int(time.time()) - 86400 * days


def make_reports(history, directory, *ages):
    """As if there had been one at each of these days before today."""
    for days in ages:
        at = days_ago(days)
        note_report(history, at)
        for ending in ("txt", "html"):
            (directory / time.strftime(f"unfreed-%Y-%m-%d.{ending}", time.gmtime(at))).write_text("old")


def ages_of(directory):
    """Of files, in days."""
    today = time.time() // 86400
    found = [calendar.timegm(time.strptime(path.name[8:18], "%Y-%m-%d")) // 86400
             for path in directory.glob("unfreed-2*")]
    return sorted({int(today - day) for day in found})


@pytest.mark.parametrize("oldest, kept", [(1, [0, 10, 89]), (200, [0, 10, 89, 120, 199]),
                                          (1000, [0, 10, 89, 120, 199, 300])])
def test_old_reports_go(service, oldest, kept, tmp_path):  # noqa: F811
    """Those of which the history has nothing any more; not before three months, and after a year and some."""
    history, directory = tmp_path / "history", tmp_path / "reports"
    directory.mkdir()
    with Monitor("-p", service.pid, "--history", history, "--budget", 0) as monitor:
        monitor.until_round()
        assert monitor.end() == 0
    with sqlite3.connect(history) as base:
        base.execute("INSERT INTO sample SELECT service, at - ?, 1, 1, 1, 0 FROM sample LIMIT 1", [oldest * 86400])
    base.close()
    make_reports(history, directory, 10, 89, 120, 199, 300, 450, 3000)
    others = [directory / name for name in ("unfreed-2001-01-01.txt", "unfreed-2001-01-01.html", "notes.txt")]
    for path in others:
        path.write_text("of somebody else")
    assert report("--history", history, "--report", directory).returncode == 0
    assert all(path.exists() for path in others)
    for path in others:
        path.unlink()
    assert ages_of(directory) == kept
    assert len(reports(history)) == len(kept)


def test_what_looks_told(tmp_path):
    """Of one that does not grow, so that nobody asks."""
    script = """
import functools, sqlite3
@functools.lru_cache(maxsize=50)
def price(product):
    return product
for product in range(80):
    price(product % 40)
try:
    from sqlalchemy.pool import QueuePool
    POOL = QueuePool(lambda: sqlite3.connect(":memory:"), pool_size=4, max_overflow=2)
    HELD = [POOL.connect() for _ in range(3)]
except ImportError:
    POOL = None
print("ready", POOL is not None, flush=True)
input()
"""
    history = tmp_path / "history"
    process = subprocess.Popen(["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        has_pool = Lines(process.stdout).until("^ready") == "ready True"
        with Monitor("-p", process.pid, "--budget", 100, "--history", history) as monitor:
            eventually(lambda: "  gc        on; " in report("--history", history).stdout, "it is not kept")
            assert monitor.metrics().one("unfreed_inquiries_total") == 0
            assert monitor.end() == 0
        text = report("--history", history).stdout
        assert "  cache     __main__.price: 40 of 50 entries, 50 % hits" in text
        assert not has_pool or "  pool      __main__.POOL: 3 in use, 0 idle, 6 at most" in text, text
        base = sqlite3.connect(history)
        assert base.execute("SELECT count(*) FROM look").fetchall() == [(1,)], "one a day"
        base.close()
    finally:
        process.kill()
        process.wait(TIMEOUT)


@pytest.mark.parametrize("args, status, told", [
    ([], USAGE, "--report-now needs the file of --history"),
    (["--history", "{}/none"], FAILURE, "cannot open {}/none: No such file or directory"),
    (["--history", "{}/text"], FAILURE, "cannot keep a history in {}/text: file is not a database"),
    (["--history", "{}/history", "--report", "{}/none"], FAILURE,
     "cannot write {}/none/unfreed-*.txt: No such file or directory"),
])
def test_errors(tmp_path, args, status, told):
    (tmp_path / "text").write_text("no history at all, but text of some length, in many words\n" * 100)
    sqlite3.connect(tmp_path / "history").close()
    os.chmod(tmp_path / "history", 0o600)
    (tmp_path / "text").chmod(0o600)
    done = report(*[argument.format(tmp_path) for argument in args])
    expected = told.format(tmp_path).replace("*", time.strftime("%Y-%m-%d", time.gmtime()))
    assert (done.returncode, done.stderr) == (status, f"unfreed: {expected}\n")


@pytest.mark.parametrize("args, status, told", [
    (["--report", "{}"], USAGE, "--report needs the file of --history"),
    (["--report", "{}/none", "--history", "{}/history"], FAILURE,
     "cannot write into {}/none: No such file or directory"),
])
def test_errors_of_a_monitor(tmp_path, args, status, told):
    done = subprocess.run([str(UNFREED), "monitor", "--comm", "x", "--listen", "127.0.0.1:0",
                           *[argument.format(tmp_path) for argument in args]], capture_output=True, text=True,
                          timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (status, f"unfreed: {told.format(tmp_path)}\n")
