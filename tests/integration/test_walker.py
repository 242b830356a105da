# SPDX-License-Identifier: BSD-2-Clause
"""The unwinder alone, in the kernel, against libgcc's: see tests/bpf/unwind_kernel.c."""
import re
import subprocess

import pytest

from conftest import BUILD, TIMEOUT
from verifier import assert_affordable

DIRECTORY = BUILD / "tests/bpf"


@pytest.mark.parametrize("form", ["unwind_walk", "unwind_walk_global"])
def test_stacks_agree_with_libgcc(form, record_property):
    if not (DIRECTORY / "unwind_kernel").exists():
        pytest.skip("tests/bpf is not built")
    run = subprocess.run([DIRECTORY / "unwind_kernel", DIRECTORY / f"{form}.bpf.o"],
                         capture_output=True, text=True, timeout=TIMEOUT)
    assert run.returncode == 0, run.stdout + run.stderr
    count = int(re.search(r"verifier: processed (\d+) insns", run.stdout)[1])
    record_property(f"verifier {form}", count)
    compared = int(re.search(r"^(\d+) stacks compared, 0 differences", run.stdout, re.MULTILINE)[1])
    assert compared > 1000
    assert_affordable(form, count)
