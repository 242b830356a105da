# SPDX-License-Identifier: BSD-2-Clause
"""What `unfreed doctor` says of the kernel is what `record` finds."""
import re

import pytest

from conftest import ATTACH_KINDS, Target, doctor_says


def test_it_offers_what_auto_takes():
    offered, line = doctor_says("auto")
    assert offered, line
    preferred = next(kind for kind in ATTACH_KINDS[1:] if doctor_says(kind)[0])
    assert line.split()[-1] == preferred


@pytest.mark.parametrize("kind", ATTACH_KINDS[1:])
def test_a_kind_is_taken_or_refused(record, kind):
    offered, _ = doctor_says(kind)
    with Target("family") as target:
        recorder = record(target, options=["--attach", kind, "-d", "0.1"], wait=False)
        result = recorder.wait()
    assert result.status == (0 if offered else 4), result.stderr
    if not offered:
        assert re.search(f"has no {kind} probes", result.stderr)
