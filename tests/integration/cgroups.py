# SPDX-License-Identifier: BSD-2-Clause
"""A cgroup with little memory, of either version, where one can be made here."""
import contextlib
import os
import pathlib
import uuid

import pytest

from conftest import eventually

VERSION_1 = pathlib.Path("/sys/fs/cgroup/memory")
VERSION_2 = pathlib.Path("/sys/fs/cgroup")


class Group:
    def __init__(self, path, limit, peak):
        self.path = path
        self._peak = peak
        (path / limit[0]).write_text(str(limit[1]))

    def enter(self):
        """For subprocess's preexec_fn."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def peak(self):
        """Bytes, with pages of files; None where the kernel does not say."""
        path = self.path / self._peak
        return int(path.read_text()) if path.exists() else None


def is_removed(path):
    """Once the last of what was killed there has ended."""
    with contextlib.suppress(OSError):
        path.rmdir()
    return not path.exists()


@contextlib.contextmanager
def memory_group(megabytes, above=None):
    """Skips the test where the memory controller is not to be had."""
    first = (VERSION_1 / "memory.limit_in_bytes").exists()
    root = VERSION_1 if first else VERSION_2
    controllers = root / "cgroup.controllers"
    if not first and (not controllers.exists() or "memory" not in controllers.read_text()):
        pytest.skip("no memory controller of cgroups here")
    if above and not first:
        (above.path / "cgroup.subtree_control").write_text("+memory")
    path = (above.path if above else root) / f"unfreed-test-{uuid.uuid4().hex[:8]}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        limit = "memory.limit_in_bytes" if first else "memory.max"
        if not (path / limit).exists():
            pytest.skip("the memory controller is not enabled for cgroups below the root")
        yield Group(path, (limit, megabytes << 20),
                    "memory.max_usage_in_bytes" if first else "memory.peak")
    finally:
        eventually(lambda: is_removed(path), "processes are left in it")
