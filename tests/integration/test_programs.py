# SPDX-License-Identifier: BSD-2-Clause
"""The programs that a recorder holds: what the verifier paid for each, and what the JIT made of it."""
import ctypes
import pathlib
import platform
import struct

import pytest

from conftest import Target
from verifier import assert_affordable

PRIVATE_STACK = bytes.fromhex("654c030c25")  # add %gs:…, %r9

# include/uapi/linux/bpf.h
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 13, 15
INFO_BYTES = 232
JITED_LENGTH, JITED_CODE, NAME, VERIFIED = 16, 24, 64, 216


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def read_info(descriptor, code=None):
    info = ctypes.create_string_buffer(INFO_BYTES)
    if code:
        struct.pack_into("I", info, JITED_LENGTH, len(code))
        struct.pack_into("Q", info, JITED_CODE, ctypes.addressof(code))
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("IIQ", descriptor, INFO_BYTES, ctypes.addressof(info)))
    return info


def read_program(number):
    """Name, instructions that the verifier processed, and machine code (None without a JIT)."""
    descriptor = bpf(PROG_GET_FD_BY_ID, struct.pack("I", number))
    with open(descriptor, "rb"):  # closes it
        info = read_info(descriptor)
        [length] = struct.unpack_from("I", info, JITED_LENGTH)
        code = ctypes.create_string_buffer(length) if length else None
        if code:
            info = read_info(descriptor, code)
    name = info.raw[NAME:NAME + 16].split(b"\0")[0].decode()
    [verified] = struct.unpack_from("I", info, VERIFIED)
    [shown] = struct.unpack_from("Q", info, JITED_CODE)
    return name, verified, code.raw if code and shown else None


def programs_of(pid):
    numbers = set()
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = entry.read_text().splitlines()
        except FileNotFoundError:  # closed meanwhile
            continue
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        if "verified_insns" in fields or "prog_tag" in fields and "link_type" not in fields:
            numbers.add(int(fields["prog_id"]))
    return [read_program(number) for number in sorted(numbers)]


@pytest.fixture(params=[[], ["--growth"]], ids=["calls", "growth"])
def programs(record, attach, request):
    with Target("family") as target:
        recorder = record(target, options=[*attach, *request.param])
        found = programs_of(recorder.process.pid)
        assert recorder.stop().status == 0
    assert len(found) >= 5
    return found


def test_verifier_counts(programs, record_property):
    for name, count, _ in programs:
        record_property(f"verifier {name}", count)
    for name, count, _ in programs:
        assert_affordable(name, count)


def test_no_private_stacks(programs):
    """From 6.13 on the kernel gives a program with a large frame a stack for each CPU, which is no
    place for a program that can be preempted."""
    if not any(code for _, _, code in programs):
        pytest.skip("this kernel has no JIT, or does not show its code")
    for name, _, code in programs:
        assert code and PRIVATE_STACK not in code, f"{name} runs on a private stack"
