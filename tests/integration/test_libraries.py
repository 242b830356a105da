# SPDX-License-Identifier: BSD-2-Clause
"""Libraries that come and go while traced, each where the one before it lay: no frame is another
library's, and the tool does not grow."""
import re

from conftest import Target, program
from test_lifecycle import memory_and_descriptors

BATCHES, ROUNDS = 8, 300
BELOW = ["swap_call", "load_and_call", "swap", "run", "truth_main", "main"]
UNKNOWN = re.compile(r"\[0x[0-9a-f]+\]")  # code of a library that was gone when it was asked for


def assert_right(stack, library):
    """Complete, or cut and said to be; what is named is what was there."""
    names = [frame["name"] for frame in reversed(stack["frames"])]
    expected = [f"leak_{library}", f"inner_{library}", *BELOW]
    for name, right in zip(names, expected):
        assert name == right or UNKNOWN.fullmatch(name), names
    assert stack["truncated"] or names[:len(expected)] == expected and names[-1] == "_start", names


def memory_and_lasting_descriptors(pid):
    """Files that are read come and go."""
    looks = [memory_and_descriptors(pid) for _ in range(20)]
    return looks[-1][0], min(descriptors for _, descriptors in looks)


def test_two_libraries_in_turn(record, attach):
    samples = []
    with Target("swap", "--a", program("libswap-a.so"), "--b", program("libswap-b.so"),
                "--rounds", ROUNDS, "--batches", BATCHES) as target:
        recorder = record(target, options=attach)
        for _ in range(BATCHES):
            target.go()
            target.lines.until("^batch$")
            samples.append(memory_and_lasting_descriptors(recorder.process.pid))
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert truth["same_place"] > 0.9 * BATCHES * ROUNDS
    complete = 0
    for stack in result.report["stacks"]:
        leaf = stack["frames"][-1]["name"]
        if leaf in ("leak_a", "leak_b"):
            assert_right(stack, leaf[-1])
            complete += not stack["truncated"]
    assert complete
    assert set(result.losses) <= {"unwind_no_mapping"}
    assert len(result.report["stacks"]) < 100
    assert max(descriptors for _, descriptors in samples[1:]) <= samples[1][1]
    assert max(kib for kib, _ in samples[2:]) <= samples[2][0] * 1.02 + 512

