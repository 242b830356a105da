# SPDX-License-Identifier: BSD-2-Clause
"""What --help offers stands in the man page and in the completion, and nothing else does."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
UNFREED = ROOT / "build" / "unfreed"
BY_ARGP = {"--help", "--usage", "--version"}

needs_build = pytest.mark.skipif(not UNFREED.exists(), reason="build/unfreed is not built")


def offered(command):
    text = subprocess.run(
        [UNFREED, command, "--help"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - BY_ARGP


def completed(command):
    script = (
        'source "$1"; COMP_WORDS=(unfreed "$2" -); COMP_CWORD=2; _unfreed;'
        ' echo "${COMPREPLY[@]}"'
    )
    words = subprocess.run(
        ["bash", "-c", script, "bash", ROOT / "scripts/completion/unfreed.bash", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    ).stdout.split()
    return {word for word in words if re.fullmatch(r"--[a-z-]+", word)} - BY_ARGP


@needs_build
@pytest.mark.parametrize("command", ["record", "report", "doctor"])
def test_completion_offers_the_options_of_a_command(command):
    assert completed(command) == offered(command)


@needs_build
def test_man_page_explains_every_option():
    page = (ROOT / "docs/unfreed.1").read_text()
    explained = {"-" + word for word in re.findall(r"^\.It.*?Fl (-[a-z-]+)", page, re.MULTILINE)}
    everything = offered("record") | offered("report") | offered("doctor")
    assert everything - explained == set()
    assert explained - everything - BY_ARGP == set()


def test_man_page_is_clean():
    page = subprocess.run(
        ["man", "--warnings", "-l", str(ROOT / "docs/unfreed.1")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""},
    )
    assert (page.returncode, page.stderr) == (0, "")
