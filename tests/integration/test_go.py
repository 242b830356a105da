# SPDX-License-Identifier: BSD-2-Clause
"""Go that calls C: the C function runs on another stack, and its Go callers are on the goroutine's."""

GO_BELOW = ["main.leakAll", "main.main", "runtime.main"]


def live(result):
    assert not result.losses
    return [stack for stack in result.report["stacks"] if stack["live_blocks"]]


def names_of(stack):
    """From the innermost frame on, as a Go programmer writes them."""
    return [frame["name"].removesuffix(".abi0") for frame in reversed(stack["frames"])]


def test_go_callers_of_c(measure):
    truth, result = measure("cgo_leaks")
    by_leak = {}
    for stack in live(result):
        assert not stack["truncated"]
        names = names_of(stack)
        assert names[-1] == "runtime.goexit"
        if "runtime.cgocall" not in names: # what the runtime itself asks C for
            continue
        go = names[names.index("runtime.cgocall") + 1:]
        leak = next(name for name in go if name.startswith("main.leak"))
        by_leak.setdefault(leak, []).append((go[go.index(leak) + 1:], stack))
    (below, string), = by_leak["main.leakString"]
    assert below[:3] == GO_BELOW
    assert string["live_blocks"] == truth["rounds"]
    assert string["live_bytes"] == truth["rounds"] * truth["string_bytes"]
    helpers = {tuple(below): stack["live_blocks"] for below, stack in by_leak["main.leakHelper"]}
    assert len(helpers) == 2
    for below, blocks in helpers.items():
        if below[0] == "main.leakAll":
            assert list(below[:3]) == GO_BELOW and blocks == truth["rounds"]
        else:
            assert below.count("main.grow") == 21 and blocks == 1


def test_go_callers_without_symbols(measure):
    """By frame pointers then: as many frames, none of them anything but Go's or C's code."""
    truth, result = measure("cgo_leaks.stripped")
    leaks = [stack for stack in live(result) if stack["live_blocks"] == truth["rounds"]]
    assert len(leaks) == 2
    for stack in leaks:
        assert not stack["truncated"] and len(stack["frames"]) >= 8
        assert all("cgo_leaks.stripped" in frame["module"] for frame in stack["frames"])
