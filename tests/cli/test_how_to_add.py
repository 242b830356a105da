# SPDX-License-Identifier: BSD-2-Clause
"""The checklists of CONTRIBUTING.md, "How to add", held against what is there: whatever was added
has all that its checklist asks for. (What knows a machine, see scripts/check-house; the table of
allocation functions, see tests/unit/test_functions.c.)"""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent


def read(*names):
    return "\n".join((ROOT / name).read_text() for name in names)


def read_all(*patterns):
    return "\n".join(path.read_text(errors="replace") for pattern in patterns
                     for path in sorted(ROOT.glob(pattern)))


COMMANDS = re.findall(r'^\t\{"(\w+)", "unfreed \w+", \w+,', read("user/main.c"), re.M)
FORMATS = re.findall(r'\{"(\w+)", "(\.[\w.]+)", output_\w+', read("user/output/output.c"))
LOSSES = re.findall(r'X\((\w+), "([^"]*)"\)', read("bpf/losses.h"))
EVIDENCE = sorted(path.stem for path in (ROOT / "user/evidence").glob("*.h"))
TESTS = ["tests/unit/*.[ch]", "tests/integration/*.py", "tests/cli/*.py"]


def test_there_is_something_to_hold_against():
    assert len(COMMANDS) >= 5 and len(FORMATS) >= 6 and len(LOSSES) >= 20 and EVIDENCE


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(command):
    assert (ROOT / f"user/commands/{command}.c").exists()
    page = read("docs/unfreed.1")
    assert f".It Cm {command}\n" in page
    assert re.search(rf"^\.Ss .*\b{command}\b", page, re.M), "a section of its options"
    assert re.search(rf"\b{command}\)", read("scripts/completion/unfreed.bash"))
    assert f"unfreed {command}" in read("README.md")
    assert re.search(rf'["\']{command}["\']', read_all(*TESTS)), "a test that runs it"
    unfreed = ROOT / "build/unfreed"
    if unfreed.exists():
        shown = subprocess.run([unfreed, command, "--help"], capture_output=True, text=True, check=True)
        assert f"unfreed {command}" in shown.stdout


@pytest.mark.parametrize("name, ending", FORMATS)
def test_an_output_format(name, ending):
    assert f"output_fn output_{name};" in read("user/output/formats.h")
    assert name in re.search(r'return "(text, [^"]*)";', read("user/output/output.c"))[1].split(", ")
    assert re.search(rf'"{name}"', read_all("tests/unit/test_output*.c", "tests/unit/test_profile.c"))
    page = read("docs/unfreed.1")
    assert re.search(rf"\b{name}\b", page) and f".It Pa {ending} Ta" in page
    assert re.search(rf"\b{name}\b", read("scripts/completion/unfreed.bash"))
    assert re.search(rf"^## .*\b{name}\b", read("docs/formats.md"), re.M), "what is in it"
    drawn = {"svg": "-drawing.json", "html": "-drawing.json"}  # compared by what they draw
    assert list((ROOT / "tests/golden").glob(f"*{drawn.get(name, ending)}")), "a golden file"


@pytest.mark.parametrize("name, text", LOSSES, ids=[name for name, _ in LOSSES])
def test_a_loss(name, text):
    assert re.fullmatch(r"[^()]+ \(.+\)", text), "what it means, and in brackets what to do"
    counted = read_all("bpf/*.bpf.h", "bpf/*.bpf.c", "user/*/*.c")
    assert f"LOSS_{name}" in counted, "nobody counts it"
    [row] = re.findall(rf"^\| `{name}` \| (.+) \|$", read("docs/formats.md"), re.M)
    assert len(row) > 10


def test_losses_are_appended():
    """Their order is that of saved profiles."""
    listed = re.findall(r"^\| `(\w+)` \| .+ \|$", read("docs/formats.md").split("### Losses\n")[1], re.M)
    assert listed[:len(LOSSES)] == [name for name, _ in LOSSES]


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence(name):
    header = read(f"user/evidence/{name}.h")
    comment = re.search(r"/\*\n.*?\*/", header, re.S)[0]
    assert len(comment.split()) >= 20, "what it sees, and how it ends, at the top"
    assert header.count("_open(") <= header.count("_close("), "what is opened can be closed"


def test_a_source_that_plans_choose_from():
    """A constant in a file, a row in the table, a line that says what it shows, and cases of plans."""
    sources = re.findall(r"^const struct source (\w+) =", read_all("user/evidence/*.c"), re.M)
    rows = re.findall(r"^\t&(\w+),$", read("user/evidence/sources.c"), re.M)
    assert len(sources) >= 4 and sorted(rows) == sorted(sources)
    for name in sources:
        assert re.search(rf"^ \*\t{name}  +\w.{{20,}}", read("user/evidence/sources.h"), re.M), name
        assert f"&{name}" in read_all("tests/unit/test_plan*.c"), name


def test_every_source_of_evidence_is_tested():
    for source in {name.split("_")[0].removesuffix("points") for name in EVIDENCE}:
        assert list(ROOT.glob(f"tests/unit/test_{source}*.c")) or \
            list(ROOT.glob(f"tests/integration/test_{source}*.py")), source


def test_every_checklist_is_enforced():
    """A section of "How to add" says what enforces it."""
    added = read("CONTRIBUTING.md").split("## How to add\n")[1].split("\n## ")[0]
    paragraphs = re.split(r"\n\n(?=\*\*)", added.strip())
    named = {}
    for paragraph in paragraphs:
        title = re.match(r"\*\*(?:An? |)([^*]+?)\.?\*\*", paragraph)
        if title:
            named[title[1]] = paragraph
    for title in ["command", "evidence", "output format of record", "cause of loss",
                  "allocation function", "architecture"]:
        [paragraph] = [text for key, text in named.items() if title in key]
        assert "- [ ]" in paragraph, title
        enforcers = re.findall(r"`((?:tests|scripts)/[\w./-]+)`", paragraph.split("Enforced by")[1])
        assert enforcers and all((ROOT / path).exists() for path in enforcers), title
