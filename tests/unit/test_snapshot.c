/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/utf8.h"
#include "profile/snapshot_merge.h"
#include "snapshots.h"

static void test_interning_gives_one_pointer(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	char name[] = "malloc_wrapper";
	const char *first = snapshot_intern(snapshot, name);

	(void)state;
	assert_ptr_equal(first, snapshot_intern(snapshot, "malloc_wrapper"));
	assert_ptr_not_equal(first, name);
	assert_null(snapshot_intern(snapshot, NULL));
	assert_string_equal(snapshot_intern(snapshot, "a\xff"), "a" UTF8_REPLACEMENT);

	struct frame frame = {.name = name, .file = "", .line = 4, .kind = FRAME_INLINED};
	const struct frame *interned = snapshot_intern_frame(snapshot, &frame);

	frame.name = "malloc_wrapper";
	frame.file = NULL;
	assert_ptr_equal(interned, snapshot_intern_frame(snapshot, &frame));
	assert_null(interned->file);
	frame.line = 5;
	assert_ptr_not_equal(interned, snapshot_intern_frame(snapshot, &frame));
	snapshot_free(snapshot);
	snapshot_free(NULL);
}

static void test_utf8(void **state)
{
	static const char *const bad[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					  "\xe2\x82", "\x80",         "\xf0\x80\x80\x80"};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utf8_decode(bad[i], &code), 0);
	assert_int_equal(utf8_decode("\xf0\x9f\xa6\x80", &code), 4);
	assert_int_equal(code, 0x1f980);
	assert_null(utf8_repair("grün 🦀"));
}

static void test_sort_is_complete(void **state)
{
	struct snapshot *snapshot = snapshot_new();
	struct frame a = {.name = "a"}, b = {.name = "b"};

	(void)state;
	add_target(snapshot, 1, "x", NULL, "");
	add_stack(snapshot, 0, &b, 1, 10, 1);
	add_stack(snapshot, 0, &a, 1, 10, 1);
	add_stack(snapshot, 0, &a, 1, 90, 1);
	add_stack(snapshot, 0, &a, 1, 10, 1)->alloc_bytes = 1000;
	snapshot_sort(snapshot);
	assert_int_equal(snapshot->stacks[0].live_bytes, 90);
	assert_int_equal(snapshot->stacks[1].alloc_bytes, 1000);
	assert_string_equal(snapshot->stacks[2].frames[0]->name, "a");
	assert_string_equal(snapshot->stacks[3].frames[0]->name, "b");
	snapshot_free(snapshot);
}

static void test_merge_adds_what_is_lost(void **state)
{
	struct snapshot *parts[] = {judged_snapshot(), judged_snapshot(), service_snapshot()};
	struct snapshot *merged = snapshot_merge(parts, 3);
	const struct reachability *first = merged->stacks[0].reachability;

	(void)state;
	assert_int_equal(first->lost.blocks, 600);
	assert_int_equal(first->reachable.bytes, 18620000);
	assert_int_equal(first->holder_count, 12);
	assert_string_equal(first->holders[0].holder.name, "cache::instance");
	assert_int_equal(first->holders[0].held.bytes, 18000000);
	assert_int_equal(first->holders[0].direct_blocks, 2);
	assert_null(merged->stacks[merged->stack_count - 1].reachability);
	assert_int_equal(merged->targets[0].reach_looks, 5);
	assert_non_null(strstr(merged->targets[1].reach_problem, "V8"));
	for (size_t i = 0; i < 3; i++)
		snapshot_free(parts[i]);
	snapshot_free(merged);
}

static void test_merge_adds_equal_stacks(void **state)
{
	struct snapshot *parts[] = {service_snapshot(), service_snapshot()};

	(void)state;
	parts[1]->started_at_ns += 30000000000;
	parts[1]->losses[LOSS_ledger_full] = 3;
	parts[1]->mode = MODE_GROWTH;
	parts[1]->stacks[0].live_bytes = UINT64_MAX;
	struct snapshot *merged = snapshot_merge(parts, 2);

	assert_int_equal(merged->target_count, 1);
	assert_int_equal(merged->stack_count, parts[0]->stack_count);
	assert_true(merged->stacks[0].live_bytes == UINT64_MAX);
	assert_int_equal(merged->stacks[1].live_bytes, 2 * parts[0]->stacks[1].live_bytes);
	assert_int_equal(merged->totals.alloc_blocks, 2 * parts[0]->totals.alloc_blocks);
	assert_int_equal(merged->duration_ns, 90000000000);
	assert_int_equal(merged->losses[LOSS_ledger_full], 3);
	assert_int_equal(merged->unknown_frees, 24);
	assert_int_equal(merged->mode, MODE_GROWTH);

	for (size_t i = 0; i < 2; i++)
		snapshot_free(parts[i]);
	assert_string_equal(merged->targets[0].comm, "recommend");
	snapshot_free(merged);
}

/* Workers: three processes of one program, one of which lacks a stack, and one of another. */
static void test_processes_of_a_program_are_one(void **state)
{
	struct snapshot *parts[4], *merged, *all;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		parts[i] = service_snapshot();
		parts[i]->targets[0].pid = 100 + i;
	}
	parts[1]->targets[0].last.known = false; /* it ended */
	parts[2]->stack_count--;
	parts[3]->targets[0].exe = snapshot_intern(parts[3], "/usr/bin/other");
	all = snapshot_merge(parts, 4);
	merged = snapshot_merge_programs(all);
	assert_int_equal(all->target_count, 4);
	assert_int_equal(merged->target_count, 2);
	assert_int_equal(merged->stack_count, 2 * parts[0]->stack_count);
	assert_int_equal(merged->targets[0].processes, 3);
	assert_int_equal(merged->targets[0].measured, 2);
	assert_int_equal(merged->targets[0].last.resident_bytes,
			 2 * parts[0]->targets[0].last.resident_bytes);
	assert_int_equal(merged->targets[1].processes, 1);
	for (size_t i = 0; i < merged->stack_count; i++) {
		const struct stack *stack = &merged->stacks[i];
		bool is_last = !stack->live_bytes;

		assert_int_equal(stack->processes, stack->target ? 1 : is_last ? 2 : 3);
	}
	assert_int_equal(merged->stacks[0].live_bytes, 3 * parts[0]->stacks[0].live_bytes);
	assert_int_equal(merged->totals.live_bytes, all->totals.live_bytes);
	assert_int_equal(merged->unknown_frees, all->unknown_frees);
	for (size_t i = 0; i < 4; i++)
		snapshot_free(parts[i]);
	snapshot_free(all);
	snapshot_free(merged);
}

static void test_merge_keeps_other_targets_apart(void **state)
{
	struct snapshot *parts[] = {service_snapshot(), service_snapshot()};

	(void)state;
	parts[1]->targets[0].pid = 99;
	parts[1]->started_at_ns += 1000000000000;
	struct snapshot *merged = snapshot_merge(parts, 2);

	assert_int_equal(merged->target_count, 2);
	assert_int_equal(merged->stack_count, 2 * parts[0]->stack_count);
	assert_int_equal(merged->duration_ns, 120000000000);
	for (size_t i = 0; i < 2; i++)
		snapshot_free(parts[i]);
	snapshot_free(merged);
}

static enum growth_verdict verdict_of(enum growth_verdict sum, enum growth_verdict part)
{
	struct stack_growth a = {.verdict = sum}, b = {.verdict = part};

	stack_growth_add(&a, &b);
	return a.verdict;
}

static void test_what_grows_in_one_part_grows(void **state)
{
	(void)state;
	for (int other = 0; other < GROWTH_VERDICTS; other++) {
		assert_int_equal(verdict_of(other, GROWTH_GROWS), GROWTH_GROWS);
		assert_int_equal(verdict_of(GROWTH_GROWS, other), GROWTH_GROWS);
		assert_int_equal(verdict_of(other, other), other);
	}
	assert_int_equal(verdict_of(GROWTH_STEADY, GROWTH_UNTOLD), GROWTH_UNTOLD);
	assert_int_equal(verdict_of(GROWTH_UNTOLD, GROWTH_STEADY), GROWTH_UNTOLD);
}

static void test_growth_of_parts_adds_up(void **state)
{
	struct stack_growth sum = {GROWTH_UNTOLD, true, 3, 40, 500, 100, 900};
	const struct stack_growth untold = {GROWTH_UNTOLD, false, 2, 10, 50, 20, 80};
	const struct stack_growth grows = {GROWTH_GROWS, true, UINT64_MAX, 1, 1, 1, 1};

	(void)state;
	stack_growth_add(&sum, &untold);
	assert_true(sum.suspect);
	assert_int_equal(sum.samples, 5);
	assert_int_equal(sum.blocks, 50);
	assert_true(sum.bytes_per_hour == 550 && sum.low == 120 && sum.high == 980);
	stack_growth_add(&sum, &grows);
	assert_false(sum.suspect);
	assert_true(sum.samples == UINT64_MAX);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(loss_name(LOSS_ledger_full), "ledger_full");
	assert_non_null(strstr(loss_meaning(LOSS_ledger_full), "--max-blocks"));
	assert_string_equal(domain_name(DOMAIN_MMAP), "mmap");
	assert_string_equal(frame_kind_name(FRAME_INLINED), "inlined");
	assert_string_equal(trace_mode_name(MODE_GROWTH), "growth");
	assert_string_equal(loss_name(LOSS_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interning_gives_one_pointer),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_sort_is_complete),
		cmocka_unit_test(test_merge_adds_equal_stacks),
		cmocka_unit_test(test_merge_adds_what_is_lost),
		cmocka_unit_test(test_processes_of_a_program_are_one),
		cmocka_unit_test(test_merge_keeps_other_targets_apart),
		cmocka_unit_test(test_what_grows_in_one_part_grows),
		cmocka_unit_test(test_growth_of_parts_adds_up),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
