# SPDX-License-Identifier: BSD-2-Clause
"""Reviewed numbers of what the verifier processes, program by program and kernel by kernel.

A change that makes a program much dearer to verify shows here before some kernel refuses it.
`scripts/check-kernels` prints the table anew; with --write it replaces the reviewed one.
"""
import platform

from conftest import ROOT

TABLE = ROOT / "tests/kernels/verifier.txt"
TOLERANCE = 1.5


def reviewed_counts():
    """{program: {kernel: instructions}}"""
    kernels, table = [], {}
    for line in TABLE.read_text().splitlines():
        word, *rest = line.split() or ["#"]
        if word == "program":
            kernels = rest
        elif word != "#":
            table[word] = {kernel: int(count) for kernel, count in zip(kernels, rest)
                           if count != "-"}
    return table


def assert_affordable(name, count):
    """A kernel that is not in the table may cost what the dearest one there does."""
    counts = reviewed_counts().get(name)
    assert counts, f"{name} is not in {TABLE}"
    release = ".".join(platform.release().split(".")[:2])
    allowed = TOLERANCE * counts.get(release, max(counts.values()))
    assert 0 < count <= allowed, f"{name}: {count} instructions on {release}, reviewed: {counts}"
