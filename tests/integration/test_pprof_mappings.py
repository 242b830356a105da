# SPDX-License-Identifier: BSD-2-Clause
"""What a saved profile says of files and addresses is what the kernel, the file and binutils say."""
import os
import re
import subprocess

import pytest

from conftest import TIMEOUT, Recorder, Target, needs, program


def run(*command):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GOFLAGS": "-mod=mod",
                   "GOTOOLCHAIN": "local", "PPROF_TMPDIR": "/nonexistent"}
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True,
                          timeout=TIMEOUT, env=environment).stdout


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """A C++ program's path, its executable mapping, and its profile as pprof reads it."""
    directory = tmp_path_factory.mktemp("profile")
    saved = directory / "saved.pb.gz"
    needs("go")
    with Target("cpp_leaks") as target:
        recorder = Recorder(directory, "-p", target.pid, options=["-o", saved])
        try:
            recorder.wait_tracing()
            target.go()
            target.truth()
            with open(f"/proc/{target.pid}/maps") as maps:
                code = next(line.split() for line in maps
                            if line.rstrip().endswith("/cpp_leaks") and "r-xp" in line)
            assert recorder.stop().status == 0
        finally:
            recorder.kill()
    return program("cpp_leaks"), code, run("go", "tool", "pprof", "-raw", saved)


def mapping_of(raw):
    """Number, start, limit, offset, build id and flags of the program's mapping."""
    row = re.search(r"^(\d+): (0x\w+)/(0x\w+)/(0x\w+) \S*/cpp_leaks (\w*) (.*)$", raw, re.M)
    assert row, raw
    return row[1], *(int(number, 16) for number in row.group(2, 3, 4)), row[5], row[6]


def test_mappings_are_those_of_the_process(profiled):
    _, code, raw = profiled
    start, limit = (int(number, 16) for number in code[0].split("-"))
    assert mapping_of(raw)[1:4] == (start, limit, int(code[2], 16))
    assert mapping_of(raw)[5] == "[FN][FL][LN][IN]"


def test_build_ids_are_those_of_the_files(profiled):
    path, _, raw = profiled
    note = re.search(r"Build ID: (\w+)", run("readelf", "-n", path))
    assert mapping_of(raw)[4] == (note[1] if note else "")


def test_addresses_lead_to_the_functions_by_their_linkage_names(profiled):
    path, _, raw = profiled
    number, start, _, offset, _, _ = mapping_of(raw)
    segments = re.findall(r"LOAD +(0x\w+) (0x\w+) 0x\w+ 0x\w+ 0x\w+ R E", run("readelf", "-lW", path))
    file_start, virtual = (int(value, 16) for value in segments[0])
    found = re.findall(rf"^ +\d+: (0x\w+) M={number} (\S.*) \S+:\d+ s=\d+\((_Z\w+)\)\n(?! {{13}})",
                       raw, re.M)
    assert len(found) > 5, raw
    for address, name, linkage in found:
        place = int(address, 16) - start + offset - file_start + virtual
        assert run("addr2line", "-fe", path, hex(place)).splitlines()[0] == linkage, name
        assert run("c++filt", linkage).strip().startswith(name), name


def test_the_head_says_nothing_in_json(profiled):
    _, _, raw = profiled
    comments = [line for line in raw.splitlines() if line.startswith("Comment: ")]
    assert comments and all(line.startswith("Comment: #") for line in comments)
