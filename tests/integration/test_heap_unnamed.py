# SPDX-License-Identifier: BSD-2-Clause
"""Interpreters whose file names nothing, as that of a stripped static one: without symbols, or
without any section. The same file by its names says what is right."""
import os
import pathlib
import re
import struct
import subprocess

import pytest

from pythons import Python, begin, find_pythons, started, with_long  # noqa: F401
from test_heap_holders import look

SYMBOLS = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
PYTHONS = [one for one in find_pythons() if not one.values[0].root]


def unname(source, target, sections):
    """A copy of an ELF file; to the loader, which goes by segments, it is the same."""
    data = bytearray(pathlib.Path(source).read_bytes())
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, _ = struct.unpack_from("<HHH", data, 58)
    for place in range(offset, offset + size * count, size):
        if struct.unpack_from("<I", data, place + 4)[0] in SYMBOLS:
            struct.pack_into("<I", data, place + 4, 1)
    if not sections:
        struct.pack_into("<Q", data, 40, 0)
        struct.pack_into("<HHH", data, 58, 0, 0, 0)
    target.write_bytes(data)
    target.chmod(0o755)


def library_of(path):
    found = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    libraries = re.findall(r"=> (/\S*libpython3\S*)", found)
    return pathlib.Path(libraries[0]) if libraries else None


def look_at(path, started, **environment):  # noqa: F811
    process = begin(Python(path), started, "python_holders.py", environment=environment)
    return look(process, "--top", "1000")


@pytest.mark.parametrize("sections", [True, False])
@pytest.mark.parametrize("python", with_long(PYTHONS, 8, 11, 12))
def test_by_its_form(python, sections, started, tmp_path):  # noqa: F811
    path = pathlib.Path(os.path.realpath(python.path))
    library = library_of(path)
    named = look_at(path, started)
    environment = {}
    unnamed = path
    if library:
        unname(library, tmp_path / library.name, sections)
        environment["LD_LIBRARY_PATH"] = str(tmp_path)
    else:
        unnamed = tmp_path / path.name
        unname(path, unnamed, sections)
        environment["PYTHONHOME"] = str(path.parents[1])
    found = look_at(unnamed, started, **environment)
    versions = found["python"]["version"], named["python"]["version"]
    assert versions[1].startswith(versions[0])  # up to 3.10 without its last part
    assert found["python"]["problem"] is None
    count = {row["name"]: row["count"] for row in found["types"]}
    assert (count["__main__.Event"], count["__main__.Link"]) == (310, 500)
    names = {row["name"]: row["length"] for row in found["containers"]}
    assert (names["__main__.QUEUE"], names["__main__.ENGINE.by_user"]) == (30, 20)


def test_no_other_program_is_one():
    """What has a word like it among its variables is no interpreter."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            assert look(process, "--top", "1000")["python"] == {"version": None, "problem": None, "note": None}
        finally:
            process.kill()
