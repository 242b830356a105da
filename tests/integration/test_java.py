# SPDX-License-Identifier: BSD-2-Clause
"""A JVM under load: its heap is mostly garbage, and what its collections leave is told by itself."""
import json
import subprocess

import pytest

from conftest import TIMEOUT, UNFREED, Lines, needs

WATCH_S = 12
KEPT_A_SECOND = 2_000_000

SOURCE = """
import java.util.ArrayList;
class Busy {
    static volatile Object passing;
    public static void main(String[] arguments) throws Exception {
        long kept = 0, all = 0, each = Long.parseLong(arguments[0]);
        ArrayList<byte[]> list = new ArrayList<>();
        System.out.println("ready");
        for (long began = System.nanoTime();; Thread.sleep(2)) {
            double seconds = (System.nanoTime() - began) / 1e9;
            for (; kept < seconds * each; kept += 10016)
                list.add(new byte[10000]);
            for (; all < seconds * 30e6; all += 1016)
                passing = new byte[1000];
        }
    }
}
"""


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    path = tmp_path_factory.mktemp("java")
    (path / "Busy.java").write_text(SOURCE)
    subprocess.run([needs("javac"), "-d", path, path / "Busy.java"], check=True, timeout=TIMEOUT)
    return path


def ask(classes, collector, kept):
    process = subprocess.Popen(["java", f"-XX:+Use{collector}", "-Xmx256m", "-Xmn8m", "-cp", classes,
                                "Busy", str(kept)], stdout=subprocess.PIPE, text=True)
    try:
        Lines(process.stdout).until("^ready$")
        done = subprocess.run([UNFREED, "why", "-q", "-d", str(WATCH_S), "-o", "-", "-o",
                               classes / "why.json", "-p", str(process.pid)],
                              capture_output=True, text=True, timeout=TIMEOUT, check=True)
    finally:
        process.kill()
        process.wait()
    return json.loads((classes / "why.json").read_text()), done.stdout


@pytest.mark.parametrize("collector", ["G1GC", "SerialGC", "ParallelGC"])
def test_what_collections_leave(classes, collector):
    answer, text = ask(classes, collector, KEPT_A_SECOND)
    old = [finding for finding in answer["findings"]
           if finding["subject"] == "old generation of Java's heap"]
    assert len(old) == 1, text
    assert old[0]["verdict"] == "grows, no bound seen"
    assert 0.7 < old[0]["bytes_per_hour"] / (KEPT_A_SECOND * 3600) < 1.3, text
    assert "jcmd" in text and "GC.class_histogram" in text


@pytest.mark.parametrize("collector", ["G1GC", "SerialGC"])
def test_garbage_alone(classes, collector):
    answer, text = ask(classes, collector, 0)
    assert all(finding["subject"] != "old generation of Java's heap"
               for finding in answer["findings"])
    if answer["growth"] is None:
        assert "leave in the old generation does not grow" in " ".join(text.split())
