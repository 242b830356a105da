# SPDX-License-Identifier: BSD-2-Clause
"""Targets in another mount and PID namespace, with another libc inside, seen from the host."""
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import Target, assert_exact, needs, program


def tiny_root(directory, name):
    """A root with the program and exactly what it is linked with."""
    inside = directory / "root"
    (inside / "proc").mkdir(parents=True)
    shutil.copy(program(name), inside / name)
    linked = subprocess.run(["ldd", str(program(name))], capture_output=True, text=True)
    for word in linked.stdout.split():
        if os.path.isfile(word) and not (inside / word[1:]).exists():
            (inside / word[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(word), inside / word[1:])
    loader = pathlib.Path("/lib/ld-musl-x86_64.so.1")
    if ".musl" in name and loader.exists():
        (inside / "lib").mkdir(exist_ok=True)
        shutil.copy(os.path.realpath(loader), inside / "lib" / loader.name)
    return inside


class Contained(Target):
    """A program under unshare and chroot; `pid` is the program's own, as the host sees it."""

    def __init__(self, root, *args):
        [name] = (path.name for path in root.iterdir() if path.is_file())
        super().__init__(pathlib.Path("/", name), *args,
                         wrap=[needs("unshare"), "--mount", "--pid", "--fork", "--kill-child",
                               f"--root={root}"])
        children = f"/proc/{self.pid}/task/{self.pid}/children"
        [self.pid] = map(int, pathlib.Path(children).read_text().split())


@pytest.mark.parametrize("name", ["family", "family.static", "family.musl", "family.musl-static"])
def test_family_in_a_container(record, attach, tmp_path, name):
    with Contained(tiny_root(tmp_path, name)) as target:
        recorder = record(target, options=attach)
        target.go()
        truth = target.truth()
        result = recorder.stop()
        assert target.finish() == 0
    assert result.status == 0, result.stderr
    assert truth["pid"] == 1  # its own view; the report has the host's
    assert [entry["pid"] for entry in result.report["targets"]] == [target.pid]
    assert_exact(truth, result)


def test_the_same_libc_outside_is_not_traced(record, tmp_path):
    """A file that two processes share by inode, of which one is traced."""
    with Target("family") as outside, Target("family") as traced:
        recorder = record(traced)
        outside.go()
        outside.truth()
        traced.go()
        truth = traced.truth()
        result = recorder.stop()
    assert_exact(truth, result)


def test_a_library_replaced_on_disk(record, attach, tmp_path):
    """The target runs the old file, which has no name any more."""
    root = tiny_root(tmp_path, "family.musl")
    with Contained(root) as target:
        (root / "lib/ld-musl-x86_64.so.1").unlink()
        (root / "lib/ld-musl-x86_64.so.1").write_bytes(b"something else")
        (root / "family.musl").unlink()
        recorder = record(target, options=attach)
        target.go()
        truth = target.truth()
        result = recorder.stop()
    assert result.status == 0, result.stderr
    assert_exact(truth, result)


def test_links_in_the_target_lead_nowhere(record, tmp_path):
    """What the target's root plants for us is not followed into the host's files."""
    root = tiny_root(tmp_path, "family.musl")
    (root / "tmp").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("400000 fffff secret_of_the_host\n")
    with Contained(root) as target:
        for pid in (1, target.pid):
            (root / f"tmp/perf-{pid}.map").symlink_to(f"../../{secret.name}")
        recorder = record(target)
        target.go()
        truth = target.truth()
        result = recorder.stop()
    assert_exact(truth, result)
    assert "secret_of_the_host" not in str(result.report)


def test_a_fifo_in_the_target_does_not_hang_us(record, tmp_path):
    root = tiny_root(tmp_path, "family.musl")
    (root / "tmp").mkdir()
    with Contained(root) as target:
        for pid in (1, target.pid):
            os.mkfifo(root / f"tmp/perf-{pid}.map")
        recorder = record(target)
        target.go()
        truth = target.truth()
        assert_exact(truth, recorder.stop())
