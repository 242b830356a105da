# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed report` from the outside: saved profiles in, every format out, bad input refused."""

import gzip
import json
import os
import pathlib
import re
import stat
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
UNFREED = os.environ.get("UNFREED", TOP / "build" / "unfreed")
GOLDEN = TOP / "tests" / "golden"
SERVICE = GOLDEN / "service.pb.gz"
HOSTILE = GOLDEN / "hostile.pb.gz"


def report(*arguments, **options):
    return subprocess.run([UNFREED, "report", *map(str, arguments)], capture_output=True,
                          timeout=180, **options)


def assert_refused(result, status, *words):
    message = result.stderr.decode()
    assert result.returncode == status, message
    assert message.startswith("unfreed: ") and message.count("\n") == 1
    for word in words:
        assert word in message
    assert result.stdout == b""


def test_text_is_the_default():
    result = report(SERVICE)
    assert result.returncode == 0 and result.stderr == b""
    assert result.stdout == (GOLDEN / "service.txt").read_bytes()


@pytest.mark.parametrize("format_name, golden", [
    ("text", "service.txt"), ("folded", "service.folded"), ("json", "service.json"),
])
def test_formats_on_stdout(format_name, golden):
    assert report(SERVICE, "-f", format_name).stdout == (GOLDEN / golden).read_bytes()
    assert report(SERVICE, "-o", "-", "-f", format_name).stdout == (GOLDEN / golden).read_bytes()
    assert report(SERVICE, "-o", "/dev/stdout", "-f",
                  format_name).stdout == (GOLDEN / golden).read_bytes()


def test_several_outputs_at_once(tmp_path):
    names = ["a.txt", "a.folded", "a.svg", "a.html", "a.json", "a.pb.gz"]
    result = report(SERVICE, *(f"-o{tmp_path / name}" for name in names))
    assert result.returncode == 0 and result.stdout == b""
    for name in names:
        status = (tmp_path / name).stat()
        assert status.st_size > 100 and stat.S_IMODE(status.st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    again = report(tmp_path / "a.pb.gz", "-o", "-", "-f", "svg")
    assert again.stdout == (tmp_path / "a.svg").read_bytes()


def test_options():
    assert report(SERVICE, "--top", 2).stdout == (GOLDEN / "service-top2.txt").read_bytes()
    blocks = report(SERVICE, "-f", "folded", "--count", "blocks").stdout
    assert blocks == (GOLDEN / "service-blocks.folded").read_bytes()
    drawing = report(SERVICE, "-f", "svg", "--top", 1).stdout.decode()
    assert "[other stacks]" in drawing and "load_user" in drawing
    assert "[libssl" not in drawing


def test_several_profiles_are_added():
    once = json.loads(report(SERVICE, "-f", "json").stdout)
    twice = json.loads(report(SERVICE, SERVICE, "-f", "json").stdout)
    assert len(twice["stacks"]) == len(once["stacks"])
    assert twice["totals"]["live_bytes"] == 2 * once["totals"]["live_bytes"]
    assert twice["duration_s"] == once["duration_s"]
    mixed = json.loads(report(SERVICE, HOSTILE, "-f", "json").stdout)
    assert len(mixed["targets"]) == 3


def test_json_contract():
    document = json.loads(report(HOSTILE, "-f", "json").stdout)
    assert document["schema"] == "unfreed/1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", document["started_at"])
    assert all(isinstance(count, int) for count in document["losses"].values())
    for part in ("live", "alloc"):
        for unit in ("bytes", "blocks"):
            key = f"{part}_{unit}"
            assert sum(s[key] for s in document["stacks"]) == document["totals"][key]
    for stack in document["stacks"]:
        assert {"pid", "domain", "truncated", "oldest_s"} <= stack.keys()
        for frame in stack["frames"]:
            assert frame.keys() == {"name", "kind", "file", "line", "module", "offset"}
            assert isinstance(frame["name"], str)


def test_svg_of_hostile_names_is_well_formed():
    root = ElementTree.fromstring(report(HOSTILE, "-f", "svg").stdout)
    tags = {element.tag.split("}")[1] for element in root.iter()}
    assert tags == {"svg", "title", "style", "g", "rect", "text", "script"}
    scripts = [e for e in root.iter() if e.tag.endswith("script")]
    assert len(scripts) == 2
    assert json.loads(scripts[0].text)["unit"] == "bytes"


def test_bad_profiles(tmp_path):
    saved = SERVICE.read_bytes()
    cases = {
        "cut": (saved[: len(saved) // 2], "cut off"),
        "empty": (b"", "cut off"),
        "text": (b"hello", "not gzip"),
        "other": (gzip.compress(b"\x32\x00"), "not one that unfreed saved"),
        "junk": (gzip.compress(b"\xff" * 100), "does not parse"),
        "bomb": (gzip.compress(bytes(300 << 20), 1), "unpacks to more than"),
    }
    for name, (data, words) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert_refused(report(path, "-o", tmp_path / "out.svg"), 1, str(path), words)
    assert_refused(report(tmp_path / "absent"), 1, "No such file")
    assert_refused(report(tmp_path), 1, "directory")
    assert not (tmp_path / "out.svg").exists()


def test_usage():
    assert_refused(report(), 2, "saved profile")
    assert_refused(report(SERVICE, "-o", "-"), 2, "needs a format")
    assert_refused(report(SERVICE, "-o", "x.unknown"), 2, "x.unknown")
    assert_refused(report(SERVICE, "-f", "pdf"), 2, "pdf", "folded")
    assert_refused(report(SERVICE, "--top", "0"), 2, "--top")
    assert_refused(report(SERVICE, "--count", "pages"), 2, "bytes or blocks")
    assert report(SERVICE, "--nonsense").returncode == 2
    assert report("--help").returncode == 0


def test_one_failing_output_spares_the_others(tmp_path):
    good = tmp_path / "good.folded"
    result = report(SERVICE, "-o", "/dev/full", "-o", tmp_path / "no" / "x.svg", "-o", good,
                    "-f", "text")
    assert result.returncode == 1
    assert good.read_bytes() == (GOLDEN / "service.folded").read_bytes()
    messages = result.stderr.decode().splitlines()
    assert len(messages) == 2
    assert "No space left" in messages[0] and "No such file" in messages[1]


def test_closed_stdout_is_an_error():
    result = subprocess.run(["sh", "-c", '"$0" report "$1" >&-', UNFREED, SERVICE],
                            capture_output=True, timeout=180)
    assert result.returncode == 1 and b"cannot write to stdout" in result.stderr
