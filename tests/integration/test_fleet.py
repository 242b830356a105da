# SPDX-License-Identifier: BSD-2-Clause
"""
Fifty services, half of which end and are started anew all the time (tests/programs/fleet.py), seen by a
recording that follows forks and by a monitor of their cgroup: neither takes more as time goes on.

UNFREED_FLEET_SECONDS is how long the long form takes, an hour; what is looked at is printed as CSV.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from cgroups import memory_group
from conftest import BUILD, PROGRAMS, ROOT, TIMEOUT, UNFREED, Lines, program
from monitors import Monitor
from pythons import find_rootless
from servers import children, environment, unpack

SERVICES = 50
LONG_S = int(os.environ.get("UNFREED_FLEET_SECONDS", 3600))


def commands(directory):
    """Of each kind as many, one after the other: neighbours are of different kinds."""
    churn = ["--threads", "2", "--slots", "300", "--stacks", "20", "--pause-us", "200000"]
    kinds = [[program("churn"), *churn], [program("lives"), "--library", program("libbump.so")],
             [program("prefork")]]
    kinds += [[PROGRAMS / name, *churn] for name in ("churn.jemalloc", "churn.musl", "churn.static")
              if (PROGRAMS / name).exists()]
    kinds += [[one.values[0].path, ROOT / "tests/programs/fleet_service.py"] for one in find_rootless()]
    with contextlib.suppress(pytest.skip.Exception):
        root = unpack("redis-server", "redis-tools")
        libraries = environment(root)["LD_LIBRARY_PATH"]
        kinds.append(["env", f"LD_LIBRARY_PATH={libraries}", root / "usr/bin/redis-server", "--port", "0", "--unixsocket",
                      f"{directory}/redis-NUMBER", "--save", "", "--appendonly", "no", "--dir", directory])
    kinds += kinds[:1] if len(kinds) % 2 == 0 else []  # so that of each kind half are started anew
    return [[str(word).replace("NUMBER", str(number)) for word in kinds[number % len(kinds)]]
            for number in range(SERVICES)]


class Fleet:
    def __init__(self, directory, life_s, group):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/programs/fleet.py"), json.dumps(commands(directory)),
             str(life_s), "1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory, preexec_fn=group.enter)
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)
        self.lines.until("^ready$")

    def started(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.lines.until(r"^\d+$"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)


def tree(pid):
    """A process with its children, and theirs."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [pid] + [one for child in children(pid) for one in tree(child)]
    return []


def anonymous_kb(pid):
    """And 0 of what has ended meanwhile."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+)", text, re.M)[1])
    return 0


def entries(pid):
    """Of all hash maps together, but for what is one for each call under way."""
    told = subprocess.run([BUILD / "tests/bpf_entries", str(pid)], stdout=subprocess.PIPE, text=True,
                          timeout=TIMEOUT, check=True).stdout
    return sum(json.loads(told).values())


def usage_of_recorder(pid):
    """The keeper's descriptors are the probes."""
    [keeper] = [child for child in children(pid)
                if pathlib.Path(f"/proc/{child}/comm").read_text().startswith("probe-keeper")]
    return {"memory_kb": anonymous_kb(pid), "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "probes": len(os.listdir(f"/proc/{keeper}/fd")),
            "helpers_kb": sum(map(anonymous_kb, tree(pid)[1:])), "entries": entries(pid)}


def usage_of_monitor(pid):
    """Whoever it has ask for it comes and goes."""
    return {"memory_kb": anonymous_kb(pid), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


# What may be more in the last third of the time than in the second one, as parts and as units: files that
# services have open are held until they are swept out, some at a time.
SLACK = {"memory_kb": (0.05, 1024), "helpers_kb": (0.2, 8192), "descriptors": (0, 60), "probes": (0, 40),
         "entries": (0.05, 100)}
# What is kept of those that ended is not all there yet after half a minute, which tells nothing of these.
FILLING = ("memory_kb", "entries")


def assert_flat(samples, filling):
    third = len(samples) // 3
    for key in set(samples[0]) - set(FILLING if filling else ()):
        before = max(one[key] for one in samples[third:2 * third])
        after = max(one[key] for one in samples[2 * third:])
        part, units = SLACK[key]
        assert after <= before * (1 + part) + units, (key, [one[key] for one in samples])


def watch(fleet, looks, seconds, capsys):
    """What each of the tools takes, at even distances."""
    samples = {name: [] for name in looks}
    began, apart = time.monotonic(), max(1, seconds / 180)
    while time.monotonic() < began + seconds:
        for name, look in looks.items():
            samples[name].append(look())
        with capsys.disabled():
            print(f"\n{time.monotonic() - began:.0f} s,{fleet.started()} started", *(
                f"{name} {','.join(f'{key}={value}' for key, value in all_of[-1].items())}"
                for name, all_of in samples.items()), sep=",", end="", flush=True)
        time.sleep(apart)
    return samples


def losses(text):
    """Of a report as text, by what they mean."""
    lines = " ".join(text.split())
    return {name: int(count.replace(",", "")) for name, count in re.findall(
        r"(processes that had ended, left out|processes not traced: table full)[^:]*: ([\d,]+)", lines)}


@pytest.mark.parametrize("seconds, life_s, stacks", [
    (24, 3, 16384), pytest.param(LONG_S, 12, 65536, marks=pytest.mark.long, id="long")])
def test_neither_takes_more_as_time_goes_on(seconds, life_s, stacks, tmp_path, capsys):
    if not (BUILD / "tests/bpf_entries").exists():
        pytest.skip("bpf_entries is not built")
    report = tmp_path / "report.txt"
    every = ["-i", "60"] if seconds > 600 else []
    with memory_group(16384) as group, Fleet(tmp_path, life_s, group) as fleet, contextlib.ExitStack() as ends:
        recorder = subprocess.Popen(
            [UNFREED, "record", "--follow-forks", "--python", "pools", "--max-stacks", str(stacks), *every,
             "-o", report, "-p", str(fleet.pid)], stderr=subprocess.PIPE, text=True)
        ends.callback(recorder.kill)
        errors = Lines(recorder.stderr)
        errors.until("^unfreed: tracing ")
        monitor = ends.enter_context(Monitor("--cgroup", group.path, "-i", 1, "-d", 10, "--budget", 10))
        samples = watch(fleet, {"record": lambda: usage_of_recorder(recorder.pid),
                                "monitor": lambda: usage_of_monitor(monitor.pid)}, seconds, capsys)
        started = fleet.started()
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait(TIMEOUT) == 0, errors.rest()
        assert monitor.end() == 0
    assert started > SERVICES + seconds * SERVICES / 2 / life_s / 4
    assert set(losses(report.read_text())) == {"processes that had ended, left out"}, report.read_text()
    for of_tool in samples.values():
        assert_flat(of_tool, filling=not every)
