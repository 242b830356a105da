# SPDX-License-Identifier: BSD-2-Clause
"""The CPythons of this machine: the system's, pyenv's, and those in build/roots/SUITE (a Debian of
another release, unpacked there)."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, TIMEOUT, Lines, program

SOURCES = ROOT / "tests/programs"


def put_whole(source, target):
    """Copies a file to where another test may be starting it."""
    new = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy(source, new)
    os.replace(new, target)


class Python:
    def __init__(self, path, root=None):
        self.path = path
        self.root = root
        self.minor = int(re.search(r"3\.(\d+)", str(path.name if root else path))[1])
        # Debian's are built with -flto, by which callers have copies of the allocator of their own
        self.inlines = bool(root) or path.parts[1] == "usr"

    def __repr__(self):
        return f"{self.root.name if self.root else self.path.parts[1]}-3.{self.minor}"

    def start(self, script, *arguments, environment=(), **options):
        """A running script of tests/programs, its output as lines."""
        command = [self.path]
        path = SOURCES / script
        if self.root:
            put_whole(path, self.root / "tmp" / script)
            path = pathlib.Path("/tmp") / script
            command = ["chroot", self.root, "/usr/bin/" + self.path.name]
        process = subprocess.Popen(
            [*command, path, *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONHASHSEED": "0", **dict(environment)}, **options)
        process.lines = Lines(process.stdout)
        return process


def find_pythons():
    home = pathlib.Path.home()
    found = {}
    for path in sorted(home.glob(".pyenv/versions/3.*/bin/python3")):
        found[f"pyenv {path.parts[-3]}"] = Python(path)
    for path in sorted(pathlib.Path("/usr/bin").glob("python3.*[0-9]")):
        found[path.name] = Python(path)
    for path in sorted(BUILD.glob("roots/*/usr/bin/python3.*[0-9]")):
        root = path.parents[2]
        if (root / "tmp").is_dir() and "." not in root.name:  # else one that comes and goes
            found[f"{root.name} {path.name}"] = Python(path, root)
    return [pytest.param(python, id=name.replace(" ", "-")) for name, python in found.items()
            if 8 <= python.minor <= 15]


def find_rootless():
    """Those that need no root of their own, in which there is no /proc."""
    return [python for python in find_pythons() if not python.values[0].root]


def of_system():
    """The one that Debian's packages are for; skips the test where there is none."""
    for one in find_rootless():
        if one.values[0].path.parts[1] == "usr":
            return one.values[0]
    pytest.skip("no Python in /usr/bin")


def choose(pythons, *minors):
    """One of each of these versions, as far as they are here."""
    chosen = {}
    for python in pythons:
        if python.values[0].minor in minors:
            chosen.setdefault(python.values[0].minor, python)
    return list(chosen.values())


def with_system(pythons):
    """With the one of the distribution, where that is not among them: built otherwise than those
    that people build (not position independent, its functions inlined)."""
    own = [one for one in find_rootless() if one.values[0].path.parts[1] == "usr"]
    return pythons + [one for one in own[:1] if one.id not in [known.id for known in pythons]]


def prefer(pythons, minor):
    """A list of one: of this version, and where that is not here, the first."""
    return choose(pythons, minor) or pythons[:1]


def with_long(pythons, *minors):
    """All of them; those of other minors than these only in the long tests, but for the first one
    where none of these is here."""
    if not choose(pythons, *minors):
        minors = [one.values[0].minor for one in pythons[:1]]
    return [pytest.param(*one.values, id=one.id,
                         marks=() if one.values[0].minor in minors else pytest.mark.long)
            for one in pythons]


def one_of_each(pythons):
    """All of them; of several of one version all but the last only in the long tests: layouts are those
    of versions, however they were built."""
    last = {one.values[0].minor: one.id for one in pythons}
    return [pytest.param(*one.values, id=one.id,
                         marks=() if last[one.values[0].minor] == one.id else pytest.mark.long)
            for one in pythons]


def probe(command, pid):
    """What tests/programs/python_probe.c prints, split into words."""
    found = subprocess.run([program("python_probe"), command, str(pid)], stdout=subprocess.PIPE,
                           text=True, timeout=TIMEOUT, check=False)
    return [line.split("\t") if "\t" in line else line.split(" ")
            for line in found.stdout.splitlines()]


def tell(process, line=""):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def begin(python, started, script, *arguments, **options):
    """A script that said `ready`; `started` ends it."""
    process = python.start(script, *arguments, **options)
    started.append(process)
    process.lines.until("^ready$")
    return process


def truth_of(process):
    return json.loads(process.lines.until("^[{[]"))


def run(python, started, record, script, *arguments, options=()):
    """Runs a script under the tracer: its process, its truth and the tracer's result."""
    process = begin(python, started, script, *arguments)
    recorder = record(process, options=options)
    tell(process)
    truth = truth_of(process)
    result = recorder.stop()
    tell(process)
    assert process.wait(TIMEOUT) == 0
    assert result.status == 0, result.stderr
    return process, truth, result


@pytest.fixture
def started():
    """Ends whatever a test appends to it."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
