# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor --history` keeps: it outlives the monitor, however that ends, and the next one
goes on with it."""
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from cgroups import memory_group
from conftest import TIMEOUT, UNFREED, Lines, eventually
from monitors import Monitor, service  # noqa: F401


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history"


def query(path, text):
    """All rows, each a dictionary."""
    base = sqlite3.connect(path)
    base.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in base.execute(text)]
    finally:
        base.close()


def test_a_killed_monitor_is_followed_by_one_that_knows(service, history):  # noqa: F811
    options = ["-p", service.pid, "-d", 8, "--budget", 100, "--history", history]
    with Monitor(*options) as monitor:
        monitor.stderr.until(r"__main__\.history")
        eventually(lambda: query(history, "SELECT * FROM finding"), "it is not kept")
        monitor.end(signal.SIGKILL)
    [finding] = query(history, "SELECT * FROM finding WHERE name LIKE '%history%'")
    assert finding["verdict"] == "grows, no bound seen" and finding["over_at"] is None
    assert finding["low"] <= finding["bytes_per_hour"] <= finding["high"]
    assert "remember (" in finding["filled_by"]
    [answer] = query(history, "SELECT json FROM answer")
    answer = json.loads(answer["json"])
    assert answer["schema"] == "unfreed/why/1" and answer["look"]["types"]
    assert any(found["container"] and "history" in found["container"]["name"]
               for found in answer["findings"])
    sample = query(history, "SELECT * FROM sample JOIN service ON service.id = service")[0]
    assert sample["name"] == f"python3[{service.pid}]" and sample["processes"] == 1
    assert sample["resident_bytes"] > 1e6 and abs(sample["at"] - time.time()) < TIMEOUT

    with Monitor(*options) as monitor:
        assert monitor.metrics().all("unfreed_finding", name=finding["name"])
        assert monitor.metrics().one("unfreed_inquiries_total") == 0
        eventually(lambda: len(query(history, "SELECT id FROM answer")) == 2, "it is not asked")
        monitor.until_round()
        assert monitor.end() == 0
        assert "history" not in monitor.stderr.rest()
    [again] = query(history, "SELECT * FROM finding WHERE name LIKE '%history%'")
    assert (again["id"], again["first_at"]) == (finding["id"], pytest.approx(finding["first_at"], abs=2))
    assert again["last_at"] > finding["last_at"]


FILLS = """
import time
KEPT = [bytes(20000) for _ in range(1800)]
print("ready", flush=True)
input()
while True:
    KEPT.append(bytes(20000))
    time.sleep(0.01)
"""


def test_what_filled_a_process_that_was_ended(history):
    """It comes near to its limit long before it is known to grow."""
    with memory_group(64) as group:
        process = subprocess.Popen([sys.executable, "-c", FILLS], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, preexec_fn=group.enter)
        try:
            Lines(process.stdout).until("^ready$")
            with Monitor("-p", process.pid, "-d", 6, "--history", history) as monitor:
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.wait(TIMEOUT) == -signal.SIGKILL
                assert monitor.process.wait(TIMEOUT) == 0
                said = monitor.stderr.rest()
        finally:
            process.kill()
            process.wait(TIMEOUT)
    assert "of its memory limit is used" in said
    [finding] = query(history, "SELECT * FROM finding WHERE name LIKE '%KEPT'")
    assert finding["holds_bytes"] > 20e6 and finding["over_at"] is None


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def kill_as_it_writes(process, history, chance):
    """A moment after the log of the file changed, or at any; whether it was at work by then."""
    log = history.with_name("history-wal")
    before, until = size_of(log), time.monotonic() + chance.uniform(0, 0.3)
    while time.monotonic() < until and size_of(log) == before:
        pass
    time.sleep(chance.uniform(0, 0.004))
    process.kill()
    return "metrics at" in process.communicate(timeout=TIMEOUT)[1]


@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.long)])
def test_killed_as_it_writes(service, history, kills):  # noqa: F811
    """It can be opened, nothing that was there is gone, and of what is new no more than what was being written:
    one that said that it is at work had kept its first sample."""
    rows, at_work = 0, 0
    for number in range(kills):
        began = int(time.time())
        process = subprocess.Popen(
            [str(UNFREED), "monitor", "--listen", "127.0.0.1:0", "-p", str(service.pid), "--history", str(history)],
            stderr=subprocess.PIPE, text=True)
        was_at_work = kill_as_it_writes(process, history, random.Random(number))
        at_work += was_at_work
        if not history.exists() or not query(history, "SELECT * FROM sqlite_master"):
            assert not was_at_work
            continue
        assert query(history, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        kept = [row["at"] for row in query(history, "SELECT at FROM sample ORDER BY at")]
        assert len(kept) >= rows and (not was_at_work or kept[-1] >= began), "more than the last is lost"
        rows = len(kept)
    assert at_work >= kills / 10, "none was ever at work"
    # a sample of the same second would take the last one's place
    eventually(lambda: int(time.time()) > max(kept), "time stands still")
    with Monitor("-p", service.pid, "--history", history) as monitor:
        eventually(lambda: len(query(history, "SELECT * FROM sample")) > rows, "it is not kept")
        assert monitor.end() == 0


def test_what_cannot_be_kept_in_is_refused(service, tmp_path):  # noqa: F811
    shared = tmp_path / "shared"
    shared.touch()
    shared.chmod(0o666)
    for path, said in [(shared, "others can change"), (tmp_path, "is no file"),
                       (tmp_path / "none/history", "unable to open")]:
        done = subprocess.run(
            [str(UNFREED), "monitor", "-p", str(service.pid), "--listen", "127.0.0.1:0", "--history",
             str(path)], capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        assert said in done.stderr, done.stderr
