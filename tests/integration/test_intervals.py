# SPDX-License-Identifier: BSD-2-Clause
"""Reports at intervals of a process that runs on: consistent in themselves and with each other."""

import json

from conftest import Target

SERIES = 4


def reports(directory):
    return [json.loads(path.read_text()) for path in sorted(directory.glob("series-*.json"))]


def test_a_series(record, tmp_path):
    with Target("demo_leaky") as target:
        recorder = record(target, options=["-i", "0.3", "-o", tmp_path / "series-%t.json",
                                           "-f", "text", "-o", "-"])
        while len(list(tmp_path.glob("series-*.json"))) < SERIES:
            assert recorder.process.poll() is None
        result = recorder.stop()
    assert result.status == 0, result.stderr
    series = reports(tmp_path)
    assert len(series) >= SERIES + 1  # and the last one, at the end
    assert len(recorder.stdout.rest().split("demo_leaky (")) >= SERIES
    before = None
    for report in series:
        total = report["totals"]["live_bytes"]
        assert sum(stack["live_bytes"] for stack in report["stacks"]) == total
        if before is None:
            assert report["since_s"] is None and report["change"] is None
        else:
            assert abs(report["duration_s"] - before["duration_s"] - report["since_s"]) < 1e-6
            assert report["change"]["bytes"] == total - before["totals"]["live_bytes"]
            assert report["change"]["bytes"] == sum(
                stack["change"]["bytes"] for stack in report["stacks"])
        before = report
    assert total > 0


def test_files_that_reports_replace_are_named(record, tmp_path):
    with Target("demo_leaky") as target:
        recorder = record(target, options=["-i", "30", "-o", tmp_path / "one.txt"])
        result = recorder.stop()
    assert f"{tmp_path}/one.txt will be of the latest report: %t in its name" in result.stderr
