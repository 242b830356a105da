# SPDX-License-Identifier: BSD-2-Clause
"""The stacks of a process's allocations as gdb unwinds them, and those of a report, in one form.

A frame is a file and the address in it, so that two runs of a program compare: (path, virtual
address); a stack is a tuple of them, leaf first.
"""
import collections
import json
import pathlib
import re
import signal
import struct
import subprocess

import pytest

from conftest import ROOT, TIMEOUT, Lines, needs

FUNCTIONS = ("malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign", "valloc",
             "pvalloc", "posix_memalign")
FRAMES_MAX = 128
PT_LOAD, PF_X = 1, 1
ALLOCATORS = re.compile(r"libc\.so|libjemalloc|libc-2|ld-musl")


class Mappings:
    """Code of a process, by address."""

    def __init__(self, pid):
        self.pid = pid
        self.code = []
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, offset, _, _, *path = line.split(maxsplit=5)
            if "x" in rights and path:
                start, end = (int(part, 16) for part in where.split("-"))
                self.code.append((start, end, int(offset, 16), path[0]))
        self.segments = {}

    def locate(self, address):
        """The file that a return address leads into, and the virtual address there."""
        for start, end, offset, path in self.code:
            if start <= address - 1 < end:
                return path, self.virtual(path, address - 1 - start + offset) + 1
        return None, address

    def virtual(self, path, offset):
        for at, where, size in self.load_segments(path):
            if at <= offset < at + size:
                return offset - at + where
        return offset

    def address(self, path, virtual):
        for at, where, size in self.load_segments(path):
            if where <= virtual < where + size:
                for start, end, offset, name in self.code:
                    if name == path and offset <= virtual - where + at < offset + end - start:
                        return virtual - where + at - offset + start
        raise AssertionError(f"{path} has no code at {virtual:#x}")

    def load_segments(self, path):
        """(file offset, virtual address, size) of the code."""
        if path not in self.segments:
            self.segments[path] = []
            if path.startswith("/"):
                data = pathlib.Path(f"/proc/{self.pid}/root{path}").read_bytes()
                [table] = struct.unpack_from("<Q", data, 32)
                size, count = struct.unpack_from("<HH", data, 54)
                for i in range(count):
                    kind, flags, offset, where, _, length = struct.unpack_from(
                        "<IIQQQQ", data, table + i * size)
                    if kind == PT_LOAD and flags & PF_X:
                        self.segments[path].append((offset, where, length))
        return self.segments[path]

    def allocator(self):
        """(name, address, size) of the allocation functions of the process: of its libc, or of what
        stands in for it. Aliases are one."""
        paths = {path for *_, path in self.code if ALLOCATORS.search(path)}
        path = next((path for path in paths if "jemalloc" in path), None) or paths.pop()
        listed = subprocess.run([needs("nm"), "-DS", "--defined-only", path], capture_output=True,
                                text=True, check=True).stdout
        found = re.findall(r"^(\w+) (\w+) \w (\w+)(?:@|$)", listed, re.MULTILINE)
        sites = {where: (name, self.address(path, int(where, 16)), int(size, 16))
                 for where, size, name in found if name in FUNCTIONS}
        return list(sites.values())


class Gdb:
    """gdb on a process, at every allocation, until it is stopped."""

    def __init__(self, pid, directory):
        self.mappings = Mappings(pid)
        self.output = directory / "gdb.json"
        self.output.unlink(missing_ok=True)
        setup = f"python sites={self.mappings.allocator()}; output={str(self.output)!r}"
        self.process = subprocess.Popen(
            [needs("gdb"), "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex",
             "set auto-load off", "-p", str(pid), "-ex", setup, "-x",
             str(ROOT / "tests/tools/gdb_stacks.py")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = Lines(self.process.stdout)
        self.lines.until("^ready$")

    def stop(self):
        """Stacks with how many allocations each had."""
        mappings = Mappings(self.mappings.pid)
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(TIMEOUT) or not self.output.exists():
            pytest.fail(f"gdb: {self.lines.rest()}")
        counts = collections.Counter()
        for count, frames in json.loads(self.output.read_text()):
            names = [name for _, name, _ in frames]
            skipped = next(i for i, name in enumerate(names) if not is_allocator(name))
            stack = tuple(mappings.locate(address) for address, _, _ in frames[skipped:])
            counts[stack[:FRAMES_MAX - skipped]] += count
        return counts


def is_allocator(name):
    """As user/collect/frames.c leaves out what calls the allocator in its name."""
    return name.startswith("operator new") or name in FUNCTIONS


def reported_stacks(report):
    """The same out of a report, with the stacks that did not reach their bottom as a second one."""
    counts, truncated = collections.Counter(), collections.Counter()
    for stack in report["stacks"]:
        frames = tuple((frame["module"], frame["offset"]) for frame in reversed(stack["frames"])
                       if frame["kind"] == "native")
        counts[frames] += stack["alloc_blocks"]
        if stack["truncated"]:
            truncated[frames] += stack["alloc_blocks"]
    return counts, truncated


def describe(stack):
    return " <- ".join(f"{pathlib.Path(path or '?').name}+{where:#x}" for path, where in stack)
