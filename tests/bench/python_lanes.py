# SPDX-License-Identifier: BSD-2-Clause
"""Pythons that are traced, and what traces them.

All run in a root of Debian 13, which has memray as a package, so that all tracers meet the same
Python. Each has its own copy of the interpreter and of libc, bound over the root's: probes belong
to a file.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lanes import (
    ATTACH_SECONDS,
    BENCH,
    BUILD,
    ROOT,
    UNFREED,
    Loop,
    Tracer,
    Unavailable,
    processor_ns,
    wait_for_line,
)

sys.path.insert(0, str(ROOT / "tests/django"))
from load import get  # noqa: E402

OWN_FILES = ["usr/bin/python3.13", "usr/lib/x86_64-linux-gnu/libc.so.6"]
INSIDE = """
    set -e
    root=$1 own=$2
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind "$3" "$root/bench"
    mount --bind "$4/tests" "$root/tests"
    mount --bind "$4/build/django" "$root/features"
    for file in $5; do mount --bind "$own/${file##*/}" "$root/$file"; done
    shift 5
    exec chroot "$root" "$@"
"""


class PythonRoot:
    tarball = BUILD / "roots" / "trixie-python.tar"
    packages = ["python3-memray", "python3-django", "gunicorn"]

    def __init__(self):
        if not (BUILD / "django/features.abi3.so").exists():
            raise Unavailable("build/django/features.abi3.so is not built")
        made = subprocess.run(
            [str(ROOT / "scripts/debian-root"), "trixie", str(self.tarball), *self.packages]
        )
        if made.returncode:
            raise Unavailable("the root of Debian 13 could not be made")
        shutil.rmtree(BENCH / "python", ignore_errors=True)  # of a run that was cut off
        self.root = Path(tempfile.mkdtemp(prefix="python.", dir=self.tarball.parent))
        subprocess.run(["tar", "-C", self.root, "-xpf", self.tarball], check=True)
        for name in ("bench", "tests", "features"):
            (self.root / name).mkdir()

    def command(self, lane, words):
        """Of a process in the root; the mounts are its own, and go with it."""
        own = BENCH / "python" / lane
        own.mkdir(parents=True, exist_ok=True)
        for name in OWN_FILES:
            shutil.copy(self.root / name, own)
        inside = ["sh", "-c", INSIDE, "sh", str(self.root), str(own), str(self.scratch(lane)),
                  str(ROOT), " ".join(OWN_FILES), *words]  # fmt: skip
        return ["unshare", "--mount", "--propagation", "private", *inside]

    @staticmethod
    def scratch(lane):
        """What the processes of a lane see as /bench."""
        path = BENCH / "python" / lane / "scratch"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def remove(self):
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.root), str(BENCH / "python")])


class PythonTracer(Tracer):
    """By default something that is in the interpreter from its start."""

    def __init__(self, name, *words):
        self.name = name
        self.words = words

    def python(self):
        return ["/usr/bin/python3", *self.words]


class PythonUnfreed(PythonTracer):
    def __init__(self, name, *options):
        super().__init__(f"unfreed {name}")
        self.output = BENCH / "python-unfreed.json"
        self.options = options

    def attach(self, target):
        self.process = subprocess.Popen(
            [str(UNFREED), "record", "--exact", *self.options, "-p", str(target.pid),
             "-o", str(self.output)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        wait_for_line(self.process.stderr, "tracing", self.process)


def memray(name, *options):
    words = ["-m", "memray", "run", "-q", "-f", *options, "-o", "/bench/memray.bin"]
    return PythonTracer(name, *words)


def python_tracers():
    yield PythonTracer("untraced")
    yield PythonUnfreed("pools", "--python", "pools", "--malloc", "off")
    yield PythonUnfreed("pools and malloc", "--python", "pools")
    yield PythonUnfreed("exact", "--python", "exact")
    yield memray("memray")
    yield memray("memray, native", "--native")
    yield memray("memray, Python allocators", "--trace-python-allocators")
    yield memray("memray, Python allocators, native", "--trace-python-allocators", "--native")
    yield PythonTracer("tracemalloc, 1 frame", "-X", "tracemalloc=1")
    yield PythonTracer("tracemalloc, 25 frames", "-X", "tracemalloc=25")


class PythonLoop:
    """tests/bench/python_loop.py as a process of a lane."""

    def __init__(self, root, tracer, load):
        lane = f"{load}-{tracer.name}".replace(" ", "-").replace(",", "")
        self.process = subprocess.Popen(
            root.command(lane, [*tracer.python(), "/tests/bench/python_loop.py", load]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.pid = self.process.pid
        wait_for_line(self.process.stdout, "ready", self.process)

    def run(self, count):
        """Nanoseconds a unit."""
        self.process.stdin.write(f"run {count}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise Unavailable(f"it ended: {' '.join(answer)}")
        _, wall, cpu = answer
        Loop.wall_ns += float(wall) * count
        Loop.cpu_ns += float(cpu) * count
        return float(cpu if Loop.clock == "cpu" else wall)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(ATTACH_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Shop:
    """tests/django under gunicorn with one worker, which is the process to trace."""

    def __init__(self, root, tracer, _):
        lane = f"shop-{tracer.name}".replace(" ", "-").replace(",", "")
        python = " ".join(tracer.python())
        if "memray" in tracer.words:
            python = python.replace(" run ", " run --follow-fork ")
        # the path of a unix socket has little room
        self.link = Path(tempfile.mkdtemp(prefix="unfreed-bench-")) / "lane"
        self.link.symlink_to(root.scratch(lane))
        with open(BENCH / f"{lane}.log", "w") as log:
            self.process = subprocess.Popen(
                root.command(lane, ["/usr/bin/python3", "-B", "/tests/django/serve.py", "/bench",
                                    "--workers", "1", "--features", "/features", "--python",
                                    python]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.log = log.name
        self.pid = self.worker()

    def worker(self):
        deadline = time.monotonic() + ATTACH_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                get(self.link / "socket", "/recommend/1/")
                path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
                return int(Path(path).read_text().split()[0])
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise Unavailable(f"the shop did not start, see {self.log}")

    def run(self, count):
        """Nanoseconds a request, of the clock or of the worker's processor time."""
        cpu, wall = processor_ns(self.pid), time.monotonic_ns()
        for number in range(count):
            get(self.link / "socket", f"/recommend/{number}/")
        wall, cpu = time.monotonic_ns() - wall, processor_ns(self.pid) - cpu
        return (cpu if Loop.clock == "cpu" else wall) / count

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(ATTACH_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.link.parent)
