# SPDX-License-Identifier: BSD-2-Clause
"""More than the tables hold: counted, reported, and nothing wrong afterwards."""
import pytest

from conftest import TOTALS, assert_functions, assert_totals


def test_more_blocks_than_the_ledger(measure, attach_any):
    truth, result = measure("tables", "--blocks", 20000,
                            options=attach_any + ["--max-blocks", "1000"])
    lost = result.losses["ledger_full"]
    assert result.totals["live_blocks"] + lost == truth["live_blocks"]
    assert result.totals["live_blocks"] >= 1000
    assert set(result.losses) == {"ledger_full"}


def test_a_full_ledger_recovers(measure, attach_any):
    """Blocks that found no place are unknown when they are freed; later ones are right again."""
    truth, result = measure("tables", "--case", "refill", "--blocks", 20000, "--again", 100,
                            options=attach_any + ["--max-blocks", "1000"])
    lost = result.losses["ledger_full"]
    assert result.totals["live_blocks"] == truth["live_blocks"] == 100
    assert result.totals["live_bytes"] == truth["live_bytes"]
    assert result.totals["alloc_blocks"] + lost == truth["alloc_blocks"]
    assert result.totals["free_blocks"] + lost == truth["free_blocks"]
    assert result.unknown_frees() == lost


def test_more_stacks_than_the_table(measure, attach_any):
    """Allocations without a row of their own stand under [stack table full], in full."""
    truth, result = measure("tables", "--blocks", 3000, "--stacks", 1000,
                            options=attach_any + ["--max-stacks", "64"])
    full = [stack for stack in result.report["stacks"]
            if stack["frames"][-1]["name"] == "[stack table full]"]
    assert len(full) == 1
    assert result.losses == {"stack_table_full": full[0]["alloc_blocks"]}
    assert len(result.report["stacks"]) <= 65
    assert {key: result.totals[key] for key in TOTALS} == {key: truth[key] for key in TOTALS}


def test_frees_reach_a_full_stack_table(measure, attach_any):
    truth, result = measure("tables", "--case", "refill", "--blocks", 3000, "--stacks", 1000,
                            "--again", 200, options=attach_any + ["--max-stacks", "64"])
    assert result.totals["live_blocks"] == truth["live_blocks"] == 200
    assert result.totals["free_blocks"] == truth["free_blocks"]


def test_20000_stacks_fit(measure):
    truth, result = measure("tables", "--blocks", 40000, "--stacks", 20000)
    assert_totals(truth, result)
    assert len(result.report["stacks"]) == 20000
    assert {stack["live_blocks"] for stack in result.report["stacks"]} == {2}


@pytest.mark.parametrize("program", ["threads", "threads.musl"])
def test_20000_short_lived_threads(measure, attach_any, program):
    """glibc allocates for threads too, under other leaves: the threads' own blocks are exact."""
    truth, result = measure(program, "--threads", 20000, options=attach_any)
    assert_functions(truth, result.by_leaf())
    assert not result.losses
