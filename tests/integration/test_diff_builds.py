# SPDX-License-Identifier: BSD-2-Clause
"""A program before and after a mend: another build, under another name, whose lines have moved. What
diff says of two recordings is what the programs did."""

import json
import subprocess

import pytest

from conftest import UNFREED, Target

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>

void *volatile kept[100000];
size_t count;

__attribute__((noinline)) void remember(void) { kept[count++] = malloc(1000); }
__attribute__((noinline)) void always(void) { kept[count++] = malloc(70); }
__attribute__((noinline)) void late(void) { kept[count++] = malloc(300); }

int main(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 0; i < REMEMBERED; i++)
		remember();
	for (int i = 0; i < 10; i++)
		always();
	for (int i = 0; i < LATE; i++)
		late();
	puts("{\"done\": true}");
	fflush(stdout);
	getchar();
	return 0;
}
"""


@pytest.fixture
def recorded(record, tmp_path):
    def run(name, moved, optimisation, remembered, late):
        directory = tmp_path / name
        directory.mkdir()
        source = directory / "service.c"
        source.write_text("\n" * moved + SOURCE)
        program = directory / f"service-{name}"
        subprocess.run(["gcc", optimisation, "-g", f"-DREMEMBERED={remembered}", f"-DLATE={late}",
                        "-o", program, source], check=True)
        saved = directory / "saved.pb.gz", directory / "saved.json"
        with Target(program) as target:
            recorder = record(target, options=["-o", saved[0], "-o", saved[1]])
            target.go()
            assert target.truth()["done"]
            assert recorder.stop().status == 0
            assert target.finish() == 0
        return saved

    return run


def test_a_mend_shows(recorded):
    befores = recorded("old", 0, "-O1", 2000, 0)
    afters = recorded("new", 40, "-O2", 3, 20)
    for before in befores:
        for after in afters:
            run = subprocess.run([UNFREED, "diff", before, after, "-f", "json"], check=True,
                                 capture_output=True, text=True)
            found = {entry["frames"][-1]["name"]: entry for entry in json.loads(run.stdout)["entries"]}
            assert {name: (entry["outcome"], entry["bytes"], entry["count"])
                    for name, entry in found.items()} == {
                        "remember": ("shrank", -1997000, -1997), "always": ("same", 0, 0),
                        "late": ("came", 6000, 20)}
