# SPDX-License-Identifier: BSD-2-Clause
"""What a tracer was given, recorded, gives the same profile where it is played without one: so the
streams in tests/replay are true to what the kernel sends."""
import signal
import subprocess

import pytest
from conftest import BUILD, ROOT, TIMEOUT, Lines, Target, program

TOOLS = BUILD / "tests"


def play(stream):
    return subprocess.run([TOOLS / "test_replay", stream], cwd=ROOT, capture_output=True, text=True,
                          timeout=TIMEOUT)


def swap_arguments():
    return ["--a", program("libswap-a.so"), "--b", program("libswap-b.so"), "--rounds", 3]


@pytest.mark.parametrize("name, arguments, phases", [
    ("swap", swap_arguments, ["batch", "kept"]),
    ("forks", lambda: ["--case", "tree"], []),
    ("forks", lambda: ["--case", "vfork_exec"], []),
    ("forks", lambda: ["--case", "exec"], ["ready"]),
], ids=["swap", "tree", "vfork_exec", "exec"])
def test_a_recording_is_what_was_recorded(tmp_path, name, arguments, phases):
    stream = tmp_path / "recorded.stream"
    with Target(name, *arguments()) as target:
        recorder = subprocess.Popen(
            [TOOLS / "stream_record", stream, "--exact", "--all-stacks", "--follow-forks",
             "-o", tmp_path / "report.json", "-p", str(target.pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            output, errors = Lines(recorder.stdout), Lines(recorder.stderr)
            errors.until(r"^unfreed: tracing \d+ \(")
            target.go()
            for phase in phases:
                target.lines.until(f"^{phase}$")
                target.go()
            truth = target.truth()
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(TIMEOUT) == 0, errors.rest()
            output.rest()
        finally:
            recorder.kill()
            recorder.wait(TIMEOUT)
        assert target.finish() == 0
    text = stream.read_text()
    assert "\nstack " in text and any(leaf in text for leaf in truth["by_function"]), text
    played = play(stream)
    assert played.returncode == 0, played.stderr
    stream.write_text(text.replace("\nblock ", "\nblock 1 1 0x7ff8 4 1\nblock ", 1))
    assert play(stream).returncode != 0, "no difference is seen"
