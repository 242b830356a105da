/* SPDX-License-Identifier: BSD-2-Clause */
/* Several snapshots as one: of what cannot be added up the worst counts, and nothing gets lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "profile/snapshot_merge.h"
#include "snapshots.h"

static const struct frame leaf = {.name = "leaf", .kind = FRAME_NATIVE};

/* One target with one stack. */
static struct snapshot *small_snapshot(void)
{
	struct snapshot *snapshot = snapshot_new();

	snapshot->host = snapshot_intern(snapshot, "web-1");
	add_target(snapshot, 10, "shop", "/usr/bin/shop", "serve");
	snapshot->targets[0].processes = snapshot->targets[0].measured = 1;
	add_stack(snapshot, 0, &leaf, 1, 100, 2)->processes = 1;
	return snapshot;
}

struct pair {
	struct snapshot *parts[2];
};

static struct pair pair_new(void)
{
	return (struct pair){{small_snapshot(), small_snapshot()}};
}

/* Both orders; the parts are freed. */
static void pair_merge(struct pair *pair, void (*check)(const struct snapshot *merged))
{
	struct snapshot *forth = snapshot_merge(pair->parts, 2), *back;

	check(forth);
	snapshot_free(forth);
	back = snapshot_merge((struct snapshot *[]){pair->parts[1], pair->parts[0]}, 2);
	check(back);
	snapshot_free(pair->parts[0]);
	snapshot_free(pair->parts[1]);
	snapshot_free(back);
}

static void check_losses(const struct snapshot *merged)
{
	for (uint64_t i = 0; i < LOSS_COUNT; i++)
		assert_int_equal(merged->losses[i],
				 i == LOSS_task_state ? UINT64_MAX : 1000 + 2 * i);
	assert_int_equal(merged->unknown_frees, 12);
	assert_int_equal(merged->sized_frees, 30);
	assert_int_equal(merged->sized_bytes, 5000);
}

static void test_losses_of_all_parts_add_up(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	for (uint64_t i = 0; i < LOSS_COUNT; i++) {
		pair.parts[0]->losses[i] = i;
		pair.parts[1]->losses[i] = 1000 + i;
	}
	pair.parts[0]->losses[LOSS_task_state] = UINT64_MAX - 3;
	pair.parts[0]->unknown_frees = 5;
	pair.parts[1]->unknown_frees = 7;
	pair.parts[0]->sized_frees = 10;
	pair.parts[1]->sized_frees = 20;
	pair.parts[0]->sized_bytes = 4000;
	pair.parts[1]->sized_bytes = 1000;
	pair_merge(&pair, check_losses);
}

static void check_coverage(const struct snapshot *merged)
{
	assert_int_equal(merged->target_count, 1);
	assert_true(merged->targets[0].python_coverage == 40);
	assert_string_equal(merged->targets[0].python_mode, "exact");
	assert_string_equal(merged->targets[0].python_version, "3.11.2");
}

static void check_known_coverage(const struct snapshot *merged)
{
	assert_true(merged->targets[0].python_coverage == 99);
}

static void check_no_coverage(const struct snapshot *merged)
{
	assert_true(merged->targets[0].python_coverage < 0);
}

static void set_python(struct snapshot *snapshot, double coverage)
{
	snapshot->targets[0].python_mode = snapshot_intern(snapshot, "exact");
	snapshot->targets[0].python_version = snapshot_intern(snapshot, "3.11.2");
	snapshot->targets[0].python_coverage = coverage;
}

static void test_the_lowest_coverage_counts(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	set_python(pair.parts[0], 99);
	set_python(pair.parts[1], 40);
	pair_merge(&pair, check_coverage);

	pair = pair_new();
	set_python(pair.parts[0], 99);
	set_python(pair.parts[1], -1);
	pair_merge(&pair, check_known_coverage);

	pair = pair_new();
	assert_true(pair.parts[0]->targets[0].python_coverage < 0);
	pair_merge(&pair, check_no_coverage);
}

static void check_worst(const struct snapshot *merged)
{
	assert_int_equal(merged->mode, MODE_GROWTH);
	assert_int_equal(merged->older_than_ns, 7000);
	assert_true(merged->overhead_percent == 3);
	assert_true(merged->overhead_core_percent == 0.5);
	assert_true(merged->has_peak);
	assert_int_equal(merged->peak_ns, 42);
}

static void test_the_worst_of_what_cannot_be_added(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	assert_true(pair.parts[0]->overhead_percent < 0);
	pair.parts[0]->mode = MODE_GROWTH;
	pair.parts[1]->mode = MODE_EXACT;
	pair.parts[0]->older_than_ns = 7000;
	pair.parts[1]->older_than_ns = 6000;
	pair.parts[0]->overhead_percent = 3;
	pair.parts[1]->overhead_percent = 2;
	pair.parts[1]->overhead_core_percent = 0.5;
	pair.parts[1]->has_peak = true;
	pair.parts[1]->peak_ns = 42;
	pair_merge(&pair, check_worst);
}

static void check_apart(const struct snapshot *merged)
{
	assert_int_equal(merged->stack_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(merged->stacks[i].live_bytes, 200);
	assert_int_equal(merged->totals.live_bytes, 800);
	assert_int_equal(merged->totals.live_blocks, 16);
	assert_int_equal(merged->totals.free_bytes,
			 merged->totals.alloc_bytes - merged->totals.live_bytes);
	assert_int_equal(merged->totals.free_blocks,
			 merged->totals.alloc_blocks - merged->totals.live_blocks);
}

/* Of the same frames, and yet no stacks to be added. */
static void test_kinds_of_stacks_stay_apart(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		add_stack(pair.parts[i], 0, &leaf, 1, 100, 2)->domain = DOMAIN_PYTHON;
		add_stack(pair.parts[i], 0, &leaf, 1, 100, 2)->truncated = true;
		add_stack(pair.parts[i], 0, &leaf, 1, 100, 2)->guessed = true;
	}
	pair_merge(&pair, check_apart);
}

static void check_two_targets(const struct snapshot *merged)
{
	assert_int_equal(merged->target_count, 2);
	assert_int_equal(merged->stack_count, 2);
}

static void check_one_target(const struct snapshot *merged)
{
	assert_int_equal(merged->target_count, 1);
	assert_int_equal(merged->stack_count, 1);
	assert_int_equal(merged->stacks[0].processes, 1);
	assert_int_equal(merged->stacks[0].oldest_ns, 60000000000);
	assert_false(merged->targets[0].first.known); /* nobody saw what happened between them */
	assert_false(merged->targets[0].python_counted);
}

static void test_which_targets_are_one(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	pair.parts[0]->targets[0].first = pair.parts[0]->targets[0].last = moment_of(1, 2);
	pair.parts[0]->targets[0].python_counted = true;
	pair.parts[1]->stacks[0].oldest_ns = 60000000000;
	pair_merge(&pair, check_one_target);

	pair = pair_new();
	pair.parts[1]->targets[0].pid = 11;
	pair_merge(&pair, check_two_targets);

	pair = pair_new();
	pair.parts[1]->targets[0].comm = snapshot_intern(pair.parts[1], "shop2");
	pair_merge(&pair, check_two_targets);

	pair = pair_new();
	pair.parts[1]->targets[0].exe = NULL;
	pair_merge(&pair, check_two_targets);

	pair = pair_new();
	pair.parts[1]->targets[0].cmdline[1] = snapshot_intern(pair.parts[1], "migrate");
	pair_merge(&pair, check_two_targets);

	pair = pair_new();
	pair.parts[1]->targets[0].cmdline_count = 1;
	pair_merge(&pair, check_two_targets);
}

static void check_host(const struct snapshot *merged)
{
	assert_string_equal(merged->host, "web-1");
}

static void check_no_host(const struct snapshot *merged)
{
	assert_null(merged->host);
}

static void test_of_several_hosts_it_is_of_none(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	pair_merge(&pair, check_host);
	pair = pair_new();
	pair.parts[1]->host = snapshot_intern(pair.parts[1], "web-2");
	pair_merge(&pair, check_no_host);
	pair = pair_new();
	pair.parts[1]->host = NULL;
	pair_merge(&pair, check_no_host);
}

/* Three stretches: the second begins within the first, the third lies within the second. */
static void test_time_that_somebody_watched(void **state)
{
	static const struct {
		int64_t start;
		uint64_t duration;
	} times[3] = {{1000, 100}, {1050, 200}, {1100, 50}};
	struct snapshot *parts[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		parts[i] = small_snapshot();
		parts[i]->started_at_ns = i < 3 ? times[2 - i].start : 5000;
		parts[i]->duration_ns = i < 3 ? times[2 - i].duration : 1;
	}
	struct snapshot *merged = snapshot_merge(parts, 4);

	assert_int_equal(merged->started_at_ns, 1000);
	assert_int_equal(merged->duration_ns, 251);
	for (size_t i = 0; i < 4; i++)
		snapshot_free(parts[i]);
	snapshot_free(merged);
}

/* What came since the last report can be said of one alone. */
static void test_changes(void **state)
{
	struct snapshot *part = small_snapshot(), *merged;

	(void)state;
	part->since_ns = 77;
	part->change.bytes = -5;
	merged = snapshot_merge(&part, 1);
	assert_int_equal(merged->since_ns, 77);
	assert_int_equal(merged->change.bytes, -5);
	snapshot_free(merged);
	merged = snapshot_merge((struct snapshot *[]){part, part}, 2);
	assert_int_equal(merged->since_ns, 0);
	assert_int_equal(merged->change.bytes, 0);
	snapshot_free(merged);
	snapshot_free(part);
	merged = snapshot_merge(NULL, 0);
	assert_int_equal(merged->stack_count, 0);
	snapshot_free(merged);
}

static void count_of_its_own(struct target *target, uint64_t bytes)
{
	target->python_counted = true;
	target->python_first = (struct amount){bytes, 1};
	target->python_last = (struct amount){2 * bytes, 3};
	target->first = moment_of(bytes, 5);
	target->last = moment_of(3 * bytes, 6);
}

static void test_workers_add_up(void **state)
{
	struct pair pair = pair_new();

	(void)state;
	pair.parts[1]->targets[0].pid = 11;
	count_of_its_own(&pair.parts[0]->targets[0], 1000);
	count_of_its_own(&pair.parts[1]->targets[0], 200);
	pair.parts[1]->targets[0].last.parts_known = false;
	struct snapshot *all = snapshot_merge(pair.parts, 2);
	struct snapshot *merged = snapshot_merge_programs(all);
	const struct target *target = &merged->targets[0];

	assert_int_equal(merged->target_count, 1);
	assert_int_equal(target->processes, 2);
	assert_int_equal(target->measured, 2);
	assert_true(target->python_counted);
	assert_int_equal(target->python_first.bytes, 1200);
	assert_int_equal(target->python_last.blocks, 6);
	assert_int_equal(target->first.resident_bytes, 1210);
	assert_int_equal(target->last.anonymous_bytes, 3600);
	assert_int_equal(target->last.swapped_bytes, 8192);
	assert_int_equal(target->first.parts[PART_FILES], 10);
	assert_true(target->first.parts_known && !target->last.parts_known);
	assert_int_equal(merged->stacks[0].processes, 2);
	snapshot_free(pair.parts[0]);
	snapshot_free(pair.parts[1]);
	snapshot_free(all);
	snapshot_free(merged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_losses_of_all_parts_add_up),
		cmocka_unit_test(test_the_lowest_coverage_counts),
		cmocka_unit_test(test_the_worst_of_what_cannot_be_added),
		cmocka_unit_test(test_kinds_of_stacks_stay_apart),
		cmocka_unit_test(test_which_targets_are_one),
		cmocka_unit_test(test_of_several_hosts_it_is_of_none),
		cmocka_unit_test(test_time_that_somebody_watched),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_workers_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
