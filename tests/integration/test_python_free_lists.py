# SPDX-License-Identifier: BSD-2-Clause
"""What comes off a free list of CPython is under the stack that filled the list: the report says how
much that may be. And what lives in pools and blocks is told by type."""
import re

import pytest

from pythons import choose, find_pythons, run, started  # noqa: F401: a fixture

PYTHONS = find_pythons()
FEW = choose(PYTHONS, 8, 11, 13, 14)
STEPS = 300
LISTED = ["dict", "list", "tuple", "float", "context"]
OTHERS = ["str", "bytes", "set", "instance"]

if not PYTHONS:
    pytest.skip("no CPython 3.8 to 3.14 here", allow_module_level=True)


def stacks_below(report, function):
    return [stack for stack in report["stacks"]
            if function in [frame["name"] for frame in stack["frames"]]]


def under(report, function):
    """Live blocks below a function of the script, and how many of them may be another's."""
    blocks = reused = 0
    for stack in stacks_below(report, function):
        blocks += stack["live_blocks"]
        reused += stack["live_blocks"] * (stack.get("reused") or 0)
    return blocks, reused


def held_as(report, function, kind):
    """Bytes of a type below a function of the script, of all that is live there."""
    held = size = 0
    for stack in stacks_below(report, function):
        size += stack["live_bytes"]
        held += sum(of["bytes"] for of in stack.get("types", ()) if of["name"] == kind)
    return held, size


@pytest.mark.parametrize("python", FEW)
def test_reused_blocks_are_marked(python, record, started, tmp_path):  # noqa: F811
    text, folded = tmp_path / "report.txt", tmp_path / "report.folded"
    _, truth, result = run(python, started, record, "python_free_lists.py", STEPS,
                           options=["--python", "exact", "-o", text, "-o", folded, "--count",
                                    "blocks"])
    misled = 0
    for kind in LISTED:
        blocks, reused = under(result.report, "drop_" + kind)
        print(f"{python} {kind}: {blocks} blocks of {truth[kind]} kept are under what drops, "
              f"{reused:.0f} marked")
        misled += blocks
        if blocks > 100:  # it drops all that it makes
            assert reused >= 0.9 * blocks, kind
    assert misled > 2 * truth["float"], "this must be able to fail"
    held, size = held_as(result.report, "drop_dict", "dict")
    print(f"{python}: {held} of {size} bytes are dicts with their tables")
    assert 0.8 * size <= held <= size
    for kind in OTHERS:
        blocks, reused = under(result.report, "keep_" + kind)
        print(f"{python} {kind}: {blocks} blocks under what keeps, {reused:.0f} marked")
        assert blocks >= truth[kind]
        assert reused <= 0.05 * blocks, kind
    assert re.search(r"reused: up to \d+ %", text.read_text())
    assert re.search(r"drop_float.*;\[reused\] \d+$", folded.read_text(), re.MULTILINE)


@pytest.mark.parametrize("python", FEW)
def test_pools_say_what_lives_in_them(python, record, started, tmp_path):  # noqa: F811
    text = tmp_path / "report.txt"
    process, truth, result = run(python, started, record, "python_free_lists.py", STEPS,
                                 options=["--python", "pools", "-o", text])
    [target] = result.report["targets"]
    assert target["python"]["mode"] == ("arenas" if python.minor == 8 else "pools")
    things = dict.fromkeys(["keep_instance", "others"], 0)
    for stack in result.report["stacks"]:
        for of in stack.get("types", ()):
            assert of["bytes"] <= stack["live_bytes"] and of["blocks"] <= stack["live_blocks"]
            if of["name"] == "__main__.Thing":
                frames = [frame["name"] for frame in stack["frames"]]
                things["keep_instance" if "keep_instance" in frames else "others"] += of["blocks"]
        assert stack.get("reused") is None
    print(f"{python}: {things} of {truth['instance']}")
    assert 0.5 * truth["instance"] <= sum(things.values()) <= 1.05 * truth["instance"]
    assert re.search(r"^      holds .*__main__.Thing \d", text.read_text(), re.MULTILINE)
    if python.minor > 8:
        assert f"hint: unfreed why {process.pid} names" in text.read_text()
