# SPDX-License-Identifier: BSD-2-Clause
"""`unfreed record` of live interpreters, compared with what they say of themselves."""
import pytest

from pythons import (  # noqa: F401
    begin, choose, find_pythons, one_of_each, run, started, tell, truth_of,
)  # fmt: skip

PYTHONS = find_pythons()
INLINING = [python for python in PYTHONS if python.values[0].inlines]
FEW = choose(PYTHONS, 8, 12) + INLINING[:1]
FRAMES_MAX = 256
EXACT = ["--python", "exact"]
COUNT = 3000
POOLS_COUNT = 30000
UNKNOWN = ["[unknown Python function]", None, 0]  # its code was gone before it was read

if not PYTHONS:
    pytest.skip("no CPython 3.8 to 3.15 here", allow_module_level=True)


def python_of(result):
    [target] = result.report["targets"]
    return target["python"]


def innermost(stack):
    """(file, line) and name of the Python frame that allocated."""
    frames = [frame for frame in stack["frames"] if frame["kind"] == "python"]
    return ((frames[-1]["file"], frames[-1]["line"]), frames[-1]["name"]) if frames else (None, "")


def python_frames(stack):
    """[name, file, line], innermost first."""
    return [[frame["name"], frame["file"], frame["line"]] for frame in reversed(stack["frames"])
            if frame["kind"] == "python"]


def by_line(report, script):
    """{line of the script: [name, blocks, bytes]}"""
    lines = {}
    for stack in report["stacks"]:
        place, name = innermost(stack)
        if place and place[0].endswith(script):
            row = lines.setdefault(place[1], [name, 0, 0])
            row[1] += stack["live_blocks"]
            row[2] += stack["live_bytes"]
    return lines


@pytest.mark.parametrize("python", PYTHONS)
def test_exact_sees_every_block(python, record, started):  # noqa: F811
    """By the interpreter's own count of blocks and, line by line, by tracemalloc in a second run."""
    twin = begin(python, started, "python_kinds.py", COUNT, "self")
    tell(twin)
    _, truth, result = run(python, started, record, "python_kinds.py", COUNT,
                           options=[*EXACT, "-v"])
    # 3.8 makes each block in a function of its own, which allocates by itself now and then
    assert ("pymalloc malloc is seen at one place" in result.stderr) == (python.minor > 8)
    seen = sum(stack["live_blocks"] for stack in result.report["stacks"]
               if stack["domain"] == "python") - result.unknown_frees()
    print(f"{python}: {seen} of {truth['blocks']} blocks, "
          f"coverage {python_of(result)['coverage_percent']:.2f} %")
    assert python_of(result)["mode"] == "exact"
    assert python_of(result)["coverage_percent"] >= 99.9
    assert 0.999 * truth["blocks"] <= seen <= 1.001 * truth["blocks"]
    assert not result.losses

    lines = by_line(result.report, "python_kinds.py")
    own = {int(line): row for line, row in truth_of(twin)["lines"].items()}
    assert len([row for row in own.values() if row[1] >= COUNT * 0.9]) >= 12
    for number in (1, 2):
        whole = sum(row[number] for row in own.values())
        found = sum(row[number] for line, row in lines.items() if line in own)
        print(f"{python}: {found} of {whole} {('blocks', 'bytes')[number - 1]}")
        assert 0.999 * whole <= found <= 1.001 * whole
    for line, (name, blocks, size) in own.items():
        if blocks < COUNT / 10:
            continue
        found = lines.get(line, ["", 0, 0])
        print(f"{python}: line {line} {found} of {name} {blocks} {size}")
        assert found[0] == name
        assert abs(found[1] - blocks) <= 0.01 * blocks
        assert abs(found[2] - size) <= 0.01 * size


def compare_frames(python, record, started):  # noqa: F811
    """Frames of Python and of its truth are equal. How many stacks of code that was gone before it was
    looked at have its name, and how many such there are."""
    _, truth, result = run(python, started, record, "python_frames.py")
    stacks = {str(stack["live_bytes"]): stack for stack in result.report["stacks"]
              if stack["domain"] == "malloc"}
    gone = {size for size, frames in truth.items() if frames[1][0].startswith("reused_")}
    assert not [truth[size] for size in truth if size not in stacks and size not in gone]
    named = 0
    for size, expected in truth.items():
        if size not in stacks:
            continue  # blocks of functions that were gone too soon to be told apart
        frames = python_frames(stacks[size])
        if size in gone and frames[1][0] == UNKNOWN[0]:
            expected[1] = UNKNOWN
        elif size in gone:
            named += 1
        assert frames == expected[:FRAMES_MAX]
        assert stacks[size]["truncated"] == (len(expected) > FRAMES_MAX)
        kinds = [frame["kind"] for frame in stacks[size]["frames"]]
        first = kinds.index("native") if "native" in kinds else len(kinds)
        assert "python" not in kinds[first:], "native frames are leaves"
    print(f"{python}: {named} of {len(gone)} stacks of code that was gone have its name")
    assert result.losses.get("python_unnamed", 0) >= len(gone) - named
    assert max(map(len, truth.values())) > 500
    return named, len(gone)


RUNS = 3


@pytest.mark.alone  # a name is read before its code object may be gone, unless we are kept waiting
@pytest.mark.parametrize("python", one_of_each(PYTHONS))
def test_frames_equal_pythons_own(python, record, started):  # noqa: F811
    """A machine that stands still for a moment keeps us waiting, but not each time."""
    for _ in range(RUNS):
        named, gone = compare_frames(python, record, started)
        if named >= gone / 2:
            return
    assert False, f"{named} of {gone} in the last of {RUNS} runs"


@pytest.mark.parametrize("python", FEW)
def test_native_interpreter_shows_all(python, record, started):  # noqa: F811
    """By pools: the stacks of all objects with all native frames would be a gigabyte."""
    _, _, result = run(python, started, record, "python_frames.py",
                       options=["--native-interpreter", "--python", "pools"])
    [stack] = [stack for stack in result.report["stacks"] if stack["live_bytes"] == 70001]
    kinds = [frame["kind"] for frame in stack["frames"]]
    assert kinds[0] == "native" and kinds[-1] == "native" and "python" in kinds
    assert any(frame["name"].startswith("_start") or "main" in frame["name"]
               for frame in stack["frames"])


@pytest.mark.parametrize("python", FEW[-1:])
def test_off_shows_native_frames(python, record, started):  # noqa: F811
    _, _, result = run(python, started, record, "python_frames.py", options=["--python", "off"])
    assert all(frame["kind"] != "python" for stack in result.report["stacks"]
               for frame in stack["frames"])


@pytest.mark.parametrize("python", PYTHONS)
def test_pools_share(python, record, started):  # noqa: F811
    """Each line's share of 50 MB of many kinds."""
    twin = begin(python, started, "python_kinds.py", COUNT, "self")
    tell(twin)
    own = {int(line): row[2] * POOLS_COUNT // COUNT
           for line, row in truth_of(twin)["lines"].items() if row[0] != "buffers"}
    _, _, result = run(python, started, record, "python_kinds.py", POOLS_COUNT,
                       options=["--python", "pools"])
    assert python_of(result)["mode"] == ("arenas" if python.minor == 8 else "pools")
    if python.minor > 8:
        assert python_of(result)["coverage_percent"] >= 99
    lines = by_line(result.report, "python_kinds.py")
    whole, all_own = sum(lines[line][2] for line in own if line in lines), sum(own.values())
    assert all_own > 50e6
    worst = max(abs(lines.get(line, (0, 0, 0))[2] / whole - own[line] / all_own) for line in own)
    print(f"{python}: {all_own / 1e6:.0f} MB, worst share {100 * worst:.1f} points off")
    assert worst <= 0.1


@pytest.mark.parametrize("python", FEW)
def test_pools_beside_a_cache(python, record, started):  # noqa: F811
    """A pool is the line's that took it into use, so that the leaking line shares what it leaks with
    others that allocate much; it is the first one all the same. In 3.8 arenas are seen instead, which
    blocks of all sizes share: whose line is first there is chance."""
    _, truth, result = run(python, started, record, "python_leak.py", options=["--python", "pools"])
    lines = by_line(result.report, "python_leak.py")
    whole = sum(stack["live_bytes"] for stack in result.report["stacks"])
    share = lines[truth["line"]][2] / whole
    print(f"{python}: share {share:.3f}, truly {truth['leaked'] / truth['all']:.3f}")
    assert share <= truth["leaked"] / truth["all"] + 0.1
    if python.minor > 8:
        assert max(lines, key=lambda line: lines[line][2]) == truth["line"]


@pytest.mark.parametrize("python", FEW[-1:])
def test_coverage_is_of_blocks_of_any_age(python, record, started):  # noqa: F811
    _, _, result = run(python, started, record, "python_kinds.py", COUNT,
                       options=[*EXACT, "--older-than", "60"])
    assert not result.totals["live_blocks"]
    assert python_of(result)["coverage_percent"] >= 99.9


@pytest.mark.parametrize("python", FEW[-1:])
@pytest.mark.parametrize("mode", ["exact", "pools"])
def test_a_few_blocks_tell_no_coverage(python, mode, record, started):  # noqa: F811
    _, _, result = run(python, started, record, "python_kinds.py", 3, options=["--python", mode])
    assert python_of(result)["coverage_percent"] is None
