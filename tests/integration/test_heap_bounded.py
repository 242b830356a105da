# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed heap` at a process whose objects do not fit into the memory that it may use: what leaks
is named all the same, and neither the target nor its host suffers."""
import json
import subprocess

import pytest

from cgroups import memory_group
from conftest import UNFREED
from heaps import Leak, check_names, look
from pythons import choose, find_pythons, prefer, with_long

OWN_BYTES = 16e6  # of the program itself beside --max-memory: code, libraries, the confined process


def check_bytes(report):
    """HISTORY: a list of two with a str and a float for each key, a str."""
    row = [row for row in report["containers"] if row["name"] == "__main__.HISTORY"][0]
    assert 100 * row["length"] < row["bytes"] < 400 * row["length"]
    fill = [row for row in report["containers"] if row["name"] == "__main__.FILL"]
    live = [part for part in report["memory"]["parts"] if part["name"] == "python_live"][0]
    assert not fill or fill[0]["bytes"] == pytest.approx(live["bytes"], rel=0.3)


# from here on: where values of instances are differs in each of these
@pytest.mark.parametrize("python", with_long(choose(find_pythons(), 8, 11, 12, 13, 14), 11, 14))
def test_names_without_room(python, tmp_path):
    with Leak(python, 100) as target:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.3", "--looks", "3",
                         "--max-memory", "16")
        assert "piece by piece" in report["python"]["note"]
        check_names(report)


def test_a_third_of_a_gigabyte(tmp_path):
    python = prefer(find_pythons(), 11)[0].values[0]
    with Leak(python, 300) as target, memory_group(80) as group:
        report, _ = look(target, tmp_path / "look.json", "-i", "0.5", "--looks", "3",
                         "--max-memory", "32", group=group)
        assert "piece by piece" in report["python"]["note"]
        check_names(report)
        check_bytes(report)
        assert group.peak is None or group.peak < 32e6 + OWN_BYTES
        assert target.process.poll() is None


@pytest.mark.long
def test_three_gigabytes(tmp_path):
    python = prefer(find_pythons(), 11)[0].values[0]
    with Leak(python, 3000) as target, memory_group(256) as group:
        report, seconds = look(target, tmp_path / "look.json", "-i", "1", "--looks", "4",
                               group=group)
        assert "piece by piece" in report["python"]["note"]
        check_names(report)
        check_bytes(report)
        print(f"cgroup at most {(group.peak or 0) / 1e6:.0f} MB, {seconds:.1f} s of CPU")
        assert group.peak is None or group.peak < 128e6
        assert target.process.poll() is None


def test_mappings_far_apart(tmp_path):
    """60,000 of a page each, a gigabyte from one to the next: what is noted of each must not be
    more than what is in it."""
    python = prefer(find_pythons(), 11)[0].values[0]
    target = python.start("python_scattered.py", 60000)
    try:
        count = int(target.lines.until("^ready").split()[1])
        target.stdin.write("\n" * 10)
        target.stdin.flush()
        target.lines.until("^1000$")
        path = tmp_path / "look.json"
        with memory_group(80) as group:
            subprocess.run([UNFREED, "heap", "-q", "-p", str(target.pid), "-o", path,
                            "--max-memory", "16"], preexec_fn=group.enter, check=True)
            # the list of mappings, twice
            assert group.peak is None or group.peak < 16e6 + OWN_BYTES + count * 400
        names = {row["name"]: row["length"] for row in json.loads(path.read_text())["containers"]}
        assert names["__main__.HISTORY"] == 1000
    finally:
        target.kill()
        target.wait()
