# SPDX-License-Identifier: BSD-2-Clause
"""What --help offers stands in the man page and in the completion, and nothing else does. What the
README and the man page show can be typed."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
UNFREED = ROOT / "build" / "unfreed"
BY_ARGP = {"--help", "--usage", "--version"}
COMMANDS = ["why", "record", "heap", "monitor", "report", "diff", "doctor"]
MESSAGES = {"--quiet", "--verbose"}  # explained once for all commands

needs_build = pytest.mark.skipif(not UNFREED.exists(), reason="build/unfreed is not built")


def help_of(*command):
    return subprocess.run(
        [UNFREED, *command, "--help"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def offered(command):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", options_of(command))) - BY_ARGP


def options_of(command):
    """The lines of the option table: the text around it may name options of other commands."""
    return "\n".join(re.findall(r"^  +-.*", help_of(command), re.MULTILINE))


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


def man_page():
    return (ROOT / "docs/unfreed.1").read_text()


def explained(text):
    """The long options that are terms of a list."""
    terms = " ".join(re.findall(r"^\.It(.*)", text, re.MULTILINE))
    return {"-" + word for word in re.findall(r"Fl (-[a-z-]+)", terms)}


def section(title):
    """Of OPTIONS, the part under this title."""
    return re.search(rf"^\.Ss {title}\n(.*?)(?=^\.S[sh] )", man_page(), re.S | re.M).group(1)


@needs_build
def test_the_commands_are_those_of_help():
    table = help_of().split("Commands:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  ([a-z]+)", table, re.MULTILINE) == COMMANDS


@needs_build
@pytest.mark.parametrize("command", COMMANDS)
def test_completion_offers_the_options_of_a_command(command):
    assert completed(command) == offered(command)


@needs_build
def test_man_page_explains_every_option():
    everything = set().union(*map(offered, COMMANDS))
    assert everything - explained(man_page()) == set()
    assert explained(man_page()) - everything - BY_ARGP == set()


@needs_build
@pytest.mark.parametrize("command", ["why", "heap", "monitor", "diff"])
def test_man_page_explains_the_options_of_a_command(command):
    targets = explained(section(r"Targets[^\n]*")) if command != "diff" else set()
    assert targets <= offered(command)
    assert explained(section(command)) | targets == offered(command) - MESSAGES


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_explains_every_command(command):
    assert f".It Cm {command}\n" in section("Commands")
    assert re.search(rf"^\.Cm {command}$", man_page().split(".Sh DESCRIPTION")[0], re.M)


def shown(name):
    """The command lines that a document shows: those of unfreed, without what is behind `--`."""
    text = (ROOT / name).read_text()
    line = r"^(?:\.Dl [#$] |next +|later +)?(?:sudo )?(?:build/)?unfreed ([a-z]+) (.*)"
    lines = re.findall(line, text, re.MULTILINE)
    return [(command, re.split(r" -- | +#", rest)[0]) for command, rest in lines]


@needs_build
@pytest.mark.parametrize("name", ["README.md", "docs/unfreed.1", "docs/verdicts.md"])
def test_documents_show_what_can_be_typed(name):
    lines = shown(name)
    assert lines or name == "docs/verdicts.md"
    for command, rest in lines:
        assert command in COMMANDS
        options = set(re.findall(r"(?<!\S)(-[a-zA-Z]|--[a-z-]+)(?=[\s=]|$)", rest))
        known = set(re.findall(r"(?<![\w-])(-[a-zA-Z]|--[a-z-]+)\b", options_of(command)))
        assert options - known == set(), (command, rest)


def test_make_targets_of_documents_exist():
    rules = [ROOT / "Makefile", *ROOT.glob("scripts/*.mk"), *ROOT.glob("tests/*/*.mk")]
    text = "\n".join(rule.read_text() for rule in rules)
    targets = set(re.findall(r"^([a-z-]+)(?: [a-z -]+)?:", text, re.MULTILINE))
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/how-it-works.md"]:
        text = (ROOT / name).read_text()
        named = set(re.findall(r"(?:`|^)(?:sudo )?make ([a-z][a-z-]+)(?![\w/-])", text, re.MULTILINE))
        assert named - targets == set(), name


@needs_build
@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/how-it-works.md"])
def test_files_of_documents_exist(name):
    text = (ROOT / name).read_text()
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert ((ROOT / name).parent / link).exists(), link
    for path in re.findall(r"`((?:user|bpf|tests|scripts|docs)/[\w./-]*\w/?)`", text):
        assert any(ROOT.glob(path.replace("MACHINE", "*"))), path


def test_the_share_of_a_target_is_the_same_everywhere():
    """What recording may cost before it is for moments, or refused: two numbers of the code, told in four
    places."""
    shares = re.findall(r"#define \w+_PERCENT (\d+)$", (ROOT / "user/plan/share.h").read_text(), re.M)
    for name, told in [("README.md", r"above (\d+) %"), ("docs/how-it-works.md", r"above (\d+) %"),
                       ("docs/unfreed.1", r"(?:above|more than|at most) (\d+) percent")]:
        found = re.findall(told, re.sub(r"\s+", " ", (ROOT / name).read_text()))
        assert len(shares) == 2 and set(found) == set(shares), (name, found)


def test_man_page_is_clean():
    page = subprocess.run(
        ["man", "--warnings", "-l", str(ROOT / "docs/unfreed.1")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""},
    )
    assert (page.returncode, page.stderr) == (0, "")
