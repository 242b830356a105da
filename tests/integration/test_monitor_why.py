# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed monitor` asks by itself why a service grows, and says what it is told: once."""
import os
import re
import signal
import subprocess
import sys

import pytest

from conftest import ROOT, TIMEOUT, eventually
from monitors import Monitor
from servers import children


@pytest.fixture
def service():
    """One that forgets nothing."""
    process = subprocess.Popen([sys.executable, str(ROOT / "tests/programs/demo_service.py")])
    yield process
    process.kill()
    process.wait(TIMEOUT)


def test_a_service_that_leaks(service):
    options = ["-p", service.pid, "-d", 8, "--budget", 100]
    with Monitor(*options) as monitor:
        line = monitor.stderr.until(rf"\[{service.pid}\]: \S+ __main__\.history")
        assert re.search(r": grows, no bound seen, [\d.]+ MB/h, holds \d.* filled by remember "
                         r"\(programs/demo_service\.py:\d+\)", line), line
        metrics = monitor.metrics()
        [(labels, _)] = [(of, value) for of, value in metrics.all("unfreed_finding")
                         if "history" in of["name"]]
        assert labels["verdict"] == "grows, no bound seen"
        assert "remember (" in labels["filled_by"]
        assert metrics.one("unfreed_finding_growth_bytes_per_second", name=labels["name"]) > 0
        assert metrics.one("unfreed_finding_held_bytes", name=labels["name"]) > 0
        pid = {"pid": str(service.pid)}
        parts = [value for _, value in metrics.all("unfreed_target_memory_bytes", **pid)]
        assert sum(parts) > metrics.one("unfreed_target_live_bytes", **pid) > 1e6
        assert metrics.one("unfreed_python_gc_enabled", **pid) == 1
        assert metrics.one("unfreed_python_gc_collections_total", generation="0", **pid) > 0
        assert metrics.one("unfreed_service_growth_bytes_per_second", by="hour") > 0
        assert metrics.one("unfreed_inquiries_total") == 1
        assert metrics.one("unfreed_inquiries_failed_total") == 0
        assert monitor.end() == 0
        assert service.poll() is None, "and it never noticed"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_asks_ends_with_it(service, number):
    with Monitor("-p", service.pid, "-d", 600, "--budget", 100) as monitor:
        monitor.until(lambda seen: seen.one("unfreed_inquiries_total") == 1, "nobody is asked")
        [child] = children(monitor.pid)
        eventually(lambda: children(child), "it reads files in processes of its own")
        family = [child, *children(child)]
        assert monitor.end(number) == (0 if number == signal.SIGTERM else -number)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), "they go on")
        assert service.poll() is None


def test_it_is_never_asked_without_a_budget(service):
    with Monitor("-p", service.pid, "--budget", 0) as monitor:
        monitor.until(lambda seen: seen.one("unfreed_self_rounds_total") > 100, "no rounds")
        assert monitor.metrics().one("unfreed_inquiries_total") == 0
