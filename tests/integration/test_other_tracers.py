# SPDX-License-Identifier: BSD-2-Clause
"""Beside whoever else traces the process: a return probe of theirs puts its trampoline in the place of a return
address on the stack, of the allocation function or of one further out."""
import contextlib
import ctypes
import os
import struct
import subprocess
from pathlib import Path

import pytest

from conftest import Target, assert_exact, program

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}[os.uname().machine]
ATTRIBUTE_BYTES = 112  # PERF_ATTR_SIZE_VER5
TYPE = Path("/sys/bus/event_source/devices/uprobe/type")
RETURN = Path("/sys/bus/event_source/devices/uprobe/format/retprobe")


def offset_of(path, name):
    """In the file, of a function: programs and libraries map their code as it lies in the file."""
    for options in (["-W", "--syms"], ["-W", "--dyn-syms"]):
        table = subprocess.run(["readelf", *options, path], capture_output=True, text=True, check=True).stdout
        for line in table.splitlines():
            words = line.split()
            if len(words) == 8 and words[3] == "FUNC" and words[7].split("@")[0] == name:
                return int(words[1], 16)
    raise AssertionError(f"{path} has no {name}")


def libc_of(pid):
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return next(line.split()[-1] for line in lines if line.endswith("libc.so.6"))


@contextlib.contextmanager
def return_probe(pid, path, name):
    """As perf probe and bpftrace set it."""
    where = ctypes.create_string_buffer(str(path).encode())
    flag = 1 << int(RETURN.read_text().split(":")[1])
    attribute = struct.pack("<IIQQQQQIIQQ", int(TYPE.read_text()), ATTRIBUTE_BYTES, flag, 0, 0, 0, 0, 0, 0,
                            ctypes.addressof(where), offset_of(path, name)).ljust(ATTRIBUTE_BYTES, b"\0")  # fmt: skip
    libc = ctypes.CDLL(None, use_errno=True)
    event = libc.syscall(PERF_EVENT_OPEN, attribute, pid, -1, -1, 0)
    assert event >= 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        os.close(event)


def traced(record, sites, probed):
    """Truth and result of a program with sixteen stacks, and with return probes at what is named."""
    with Target("churn", "--threads", 4, "--stacks", 16, "--rounds", 20000) as target, \
            contextlib.ExitStack() as probes:
        for name in probed:
            path = libc_of(target.pid) if name == "malloc" else program("churn")
            probes.enter_context(return_probe(target.pid, path, name))
        recorder = record(target, options=["--sites", sites])
        target.go()
        truth = target.truth()
        result = recorder.stop()
    return truth, result


def stacks_of(result):
    return {tuple((frame["name"], frame["offset"]) for frame in stack["frames"]) for stack in result.report["stacks"]}


@pytest.mark.parametrize("sites", ["direct", "entry"])
@pytest.mark.parametrize("probed", [["malloc"], ["branch_right"], ["malloc", "branch_leaf", "branch_left", "worker_run"]],
                         ids=lambda names: "-".join(names))  # fmt: skip
def test_return_probes_of_others(record, sites, probed):
    _, alone = traced(record, sites, [])
    truth, beside = traced(record, sites, probed)
    assert_exact(truth, beside)
    assert len(stacks_of(alone)) == 16
    assert stacks_of(beside) == stacks_of(alone)
    assert not [stack for stack in beside.report["stacks"] if stack["truncated"]]
