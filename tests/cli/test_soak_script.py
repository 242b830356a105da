# SPDX-License-Identifier: BSD-2-Clause
"""scripts/soak goes on with what is missing or failed, and says all that is known."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
RUN = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

sys.dont_write_bytecode = True
loader = SourceFileLoader("soak", sys.argv[1])
soak = module_from_spec(spec_from_loader("soak", loader))
loader.exec_module(soak)
soak.SOAK = Path(sys.argv[2])
results = soak.Results(soak.SOAK, "code")
names, _ = soak.run_pytest(results, ["-c", sys.argv[3], sys.argv[4]])
sys.exit(soak.report("code", results, names + ["fuzz_x", "kernel sid"]))
"""
TESTS = """
import os
import pytest

@pytest.mark.long
def test_passes():
    with open(os.environ["RAN"], "a") as file:
        file.write("passes ")

@pytest.mark.long
def test_repaired():
    assert os.environ.get("REPAIRED")

@pytest.mark.long
def test_skipped():
    pytest.skip("for want of it")

def test_short():
    assert False
"""


def soak(tmp_path, **environment):
    (tmp_path / "test_made_up.py").write_text(TESTS)
    command = [sys.executable, "-c", RUN, str(ROOT / "scripts/soak"), str(tmp_path / "soak"),
               str(ROOT / "tests/pytest.ini"), str(tmp_path / "test_made_up.py")]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path,
                          env=dict(os.environ, RAN=str(tmp_path / "ran"), **environment))  # fmt: skip


def row(output, group):
    line = next(line for line in output.splitlines() if line.startswith(f"| {group} |"))
    return [int(cell) for cell in line.split("|")[2:6]]


def test_goes_on_with_what_failed(tmp_path):
    first = soak(tmp_path)
    assert first.returncode == 1
    assert first.stdout.endswith("\n1 passed, 1 failed, 1 skipped\n"), first.stdout
    assert "for want of it" in first.stdout
    second = soak(tmp_path, REPAIRED="1")
    assert second.stdout.endswith("\n2 passed, 0 failed, 1 skipped\n"), second.stdout
    assert (tmp_path / "ran").read_text() == "passes "
    assert row(second.stdout, "fuzz") == [0, 0, 0, 1]
    assert second.returncode == 1, "what is missing is not passed"


def test_results_are_kept_one_by_one(tmp_path):
    soak(tmp_path)
    kept = json.loads((tmp_path / "soak/code.json").read_text())
    outcomes = {name.split("::")[-1]: item["outcome"] for name, item in kept.items()}
    assert outcomes == {
        "test_passes": "passed", "test_repaired": "failed", "test_skipped": "skipped"
    }  # fmt: skip
