# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed monitor` answers to tools that fetch profiles: as Go's pprof reads it."""
import base64
import re
import shutil
import subprocess
import sys

import pytest

from conftest import TIMEOUT, Lines
from guarded import Guarded
from monitors import service  # noqa: F401

ENDS = ["heap", "growth"]

# Holds what it says in two containers, one within the other, and grows by a line.
HOLDS = """
import sys, types
inner = {number: "%d" % number * 20 for number in range(30000)}
class Shelf:
    pass
SHELF = Shelf()
SHELF.things = {"inner": inner, "rows": ["x%d" % number * 10 for number in range(20000)]}
del inner
print("ready", flush=True)
for line in sys.stdin:
    for number in range(20000):
        SHELF.things["rows"].append("y%d" % number * 10)
    print("more", flush=True)
"""


@pytest.fixture
def holder():
    process = subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    process.lines = Lines(process.stdout)
    process.lines.until("^ready$")
    yield process
    process.kill()
    process.wait(TIMEOUT)


def grow(process):
    process.stdin.write("\n")
    process.stdin.flush()
    process.lines.until("^more$")


@pytest.fixture
def pprof(tmp_path):
    if not shutil.which("go"):
        pytest.skip("no go (Debian: golang-go)")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "no_proxy": "*",
                   "PPROF_TMPDIR": str(tmp_path), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}

    def run(*arguments):
        done = subprocess.run(["go", "tool", "pprof", *map(str, arguments)], timeout=180, capture_output=True,
                              text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def fetch(monitor, path, file):
    status, headers, data = monitor.fetch(path)
    assert status == 200 and headers["Content-Type"] == "application/octet-stream"
    file.write_bytes(data)
    return file


def rows_of(report):
    """Function -> flat and cumulated bytes."""
    rows = {}
    for line in report.splitlines():
        found = re.match(r"\s*(\d+)B?\s+[\d.]+%\s+[\d.]+%\s+(\d+)B?\s+[\d.]+%\s+(.*)$", line)
        if found:
            rows[found[3].strip()] = (int(found[1]), int(found[2]))
    return rows


def until_looks(monitor, count):
    monitor.until(lambda seen: seen.one("unfreed_looks_total") - seen.one("unfreed_looks_failed_total") >= count
                  and seen.all("unfreed_target_live_bytes"), "nobody looks")


def test_what_is_held(holder, pprof, tmp_path):
    with Guarded(tmp_path, "-p", holder.pid, "--budget", 100) as monitor:
        until_looks(monitor, 1)
        saved = fetch(monitor, "/debug/pprof/heap", tmp_path / "heap.pb.gz")
        report = pprof("-top", "-unit=B", "-nodecount=200", saved)
        assert "Type: inuse_space" in report
        rows = rows_of(report)
        metrics = monitor.metrics()
        held = {labels["part"]: value for labels, value in metrics.all("unfreed_target_memory_bytes")
                if labels["part"] not in ("files", "shared", "other")}
        total = int(re.search(r"of (\d+)B total", report)[1])
        assert abs(total - sum(held.values())) < 0.01 * total, "each byte once"
        things = metrics.one("unfreed_container_bytes", name="__main__.SHELF.things")
        assert rows["__main__.SHELF.things"][1] == things, "with what is within it"
        assert rows["dict"][0] + rows["list"][0] < total
        tree = pprof("-traces", "-unit=B", saved)
        assert re.search(r"list\n\s+__main__\.SHELF\.things\[\*\]\n\s+__main__\.SHELF\.things\n", tree), tree
        tags = pprof("-tags", saved)
        assert str(holder.pid) in tags and "python3" in tags

        by_type = rows_of(pprof("-top", "-unit=B", "-nodecount=200", fetch(
            monitor, "/debug/pprof/heap?by=type", tmp_path / "types.pb.gz")))
        assert by_type["str"][0] > 50000 * 50
        counts = rows_of(pprof("-top", "-sample_index=inuse_objects", tmp_path / "types.pb.gz"))
        assert counts["str"][0] > 50000
        assert monitor.end() == 0


def test_what_grows(service, pprof, tmp_path):  # noqa: F811
    """With the line, where one was seen; and before anybody was asked, by two looks."""
    with Guarded(tmp_path, "-p", service.pid, "-d", 8, "--budget", 100) as monitor:
        until_looks(monitor, 2)
        rows = rows_of(pprof("-top", "-unit=B", fetch(monitor, "/debug/pprof/growth", tmp_path / "looks.pb.gz")))
        assert rows["__main__.history"][1] > 1e6, rows
        saved = fetch(monitor, "/debug/pprof/growth?by=type", tmp_path / "types.pb.gz")
        types = rows_of(pprof("-top", "-unit=B", saved))
        assert max((flat for flat, _ in types.values()), default=0) > 1e6, "what is found has no part in that"
        monitor.until(lambda seen: seen.all("unfreed_finding", name="__main__.history"), "not found")
        saved = fetch(monitor, "/debug/pprof/growth", tmp_path / "growth.pb.gz")
        report = pprof("-top", "-unit=B", "-nodecount=200", saved)
        assert "Duration: 1hrs" in report or "Duration: 3600s" in report
        rate = monitor.metrics().one("unfreed_finding_growth_bytes_per_second", name="__main__.history")
        assert abs(rows_of(report)["__main__.history"][1] - 3600 * rate) < 0.01 * 3600 * rate
        listed = pprof("-traces", "-lines", saved)
        assert re.search(r"__main__\.history\n\s+remember \S*demo_service\.py:\d+\n\s+serve ", listed), listed
        assert monitor.end() == 0


def test_fetched_by_pprof_itself(holder, pprof, tmp_path):
    with Guarded(tmp_path, "-p", holder.pid, "--budget", 100) as monitor:
        until_looks(monitor, 1)
        address = f"http://anybody:{monitor.token}@127.0.0.1:{monitor.port}/debug/pprof/heap"
        assert "__main__.SHELF" in pprof("-top", "-nodecount=200", address)
        for pid in (holder.pid, 1):
            status, _, _ = monitor.fetch(f"/debug/pprof/heap?pid={pid}")
            assert status == (200 if pid == holder.pid else 404)
        assert monitor.end() == 0


@pytest.mark.parametrize("end", ENDS)
def test_who_is_meant(holder, end, tmp_path):
    """One, none, or nobody that can be."""
    with Guarded(tmp_path, "-p", holder.pid, "--budget", 0) as monitor:
        for query, expected in [
                ("", 200), (f"?pid={holder.pid}", 200), ("?pid=1", 404), ("?pid=", 400), ("?pid=x", 400),
                ("?pid=-1", 400), ("?pid=" + "9" * 20, 400), (f"?target=python3%5B{holder.pid}%5D", 200),
                (f"?target=python3[{holder.pid}]", 200), ("?target=python3", 404), ("?target=", 404),
                ("?target=" + "x" * 300, 400), ("?target=%", 400), ("?target=%0a", 400), ("?target=%zz", 400),
                ("?by=type", 200), ("?by=container", 200), ("?by=", 400), ("?by=" + "y" * 100, 400),
                (f"?pid={holder.pid}&target=other", 404), ("?other=1", 200)]:
            status, _, _ = monitor.fetch(f"/debug/pprof/{end}{query}")
            assert status == expected, query
        assert monitor.end() == 0


@pytest.mark.parametrize("end", ENDS)
def test_without_the_token(holder, end, tmp_path):
    with Guarded(tmp_path, "-p", holder.pid, "--budget", 0) as monitor:
        for user, secret, expected in [("x", "", 401), ("x", monitor.token + "x", 401), ("x", monitor.token, 200),
                                       ("", monitor.token, 200), (monitor.token, "", 401), ("y" * 3000, monitor.token, 200),
                                       ("x", "z" * 5000, 401)]:
            joined = base64.b64encode(f"{user}:{secret}".encode()).decode()
            status, _, _ = monitor.fetch(f"/debug/pprof/{end}", Authorization=f"Basic {joined}")
            assert status == expected, (user, secret)
        for broken in ("", "=", "====", "x", "!!!!", "AAAA", base64.b64encode(b"none").decode()):
            assert monitor.fetch(f"/debug/pprof/{end}", Authorization=f"Basic {broken}")[0] == 401
        assert monitor.end() == 0
