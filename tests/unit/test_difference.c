/* SPDX-License-Identifier: BSD-2-Clause */
/* What changed between two profiles: matched by names, judged by rates where there are any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "differences.h"
#include "golden.h"
#include "output/columns.h"

static const struct difference_entry *find(const struct difference *difference, const char *leaf)
{
	for (size_t i = 0; i < difference->entry_count; i++) {
		const struct difference_entry *entry = &difference->entries[i];
		const struct stack *stack = &difference->names->stacks[entry->stack];

		if (!strncmp(stack->frames[stack->frame_count - 1]->name, leaf, strlen(leaf)) &&
		    stack->frame_count == (strcmp(leaf, "put") ? 2u : 3u))
			return entry;
	}
	fail_msg("no stack ends in %s", leaf);
	return NULL;
}

static void test_a_mend_shows_across_builds_and_hosts(void **state)
{
	struct difference *difference = mended_difference();
	const struct difference_entry *leak = find(difference, "put");

	(void)state;
	assert_int_equal(difference->entry_count, 4);
	assert_int_equal(leak->outcome, OUTCOME_SHRANK);
	assert_true(leak->before.rated && leak->after.rated && leak->rated);
	assert_true(leak->before.rate.value == 15e6 && leak->after.rate.value == 0.5e6);
	assert_true(leak->rate.value == -14.5e6);
	assert_true(leak->bytes == -14500000 && leak->count == -14500);
	assert_int_equal(find(difference, "read_file")->outcome, OUTCOME_WENT);
	assert_int_equal(find(difference, "count")->outcome, OUTCOME_CAME);
	assert_ptr_equal(find(difference, "count"), &difference->entries[0]);
	assert_ptr_equal(leak, &difference->entries[3]);
	assert_int_equal(difference->entries[1].outcome, OUTCOME_SAME);
	assert_int_equal(difference->total.outcome, OUTCOME_SHRANK);
	assert_true(difference->total.rated);
	difference_free(difference);
}

static void compare_with_golden(difference_output_fn *print, const char *name)
{
	struct difference *difference = mended_difference();
	size_t size;
	char *text = render_difference(difference, print, &size);

	compare_with_file(text, size, name);
	free(text);
	difference_free(difference);
}

static void test_formats(void **state)
{
	(void)state;
	compare_with_golden(difference_text, "diff.txt");
	compare_with_golden(difference_folded, "diff.folded");
	compare_with_golden(difference_json, "diff.json");
}

static void test_every_line_keeps_to_a_screen(void **state)
{
	struct snapshot *before = wide_snapshot(), *after = deep_snapshot();
	struct difference *difference = difference_of_profiles(before, after);
	size_t size;
	char *text = render_difference(difference, difference_text, &size);

	(void)state;
	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		assert_in_range(columns_count(line), 0, SCREEN_COLUMNS);
	}
	free(text);
	difference_free(difference);
	snapshot_free(before);
	snapshot_free(after);
}

/* The same leak, recorded ten times as long: ten times the bytes. */
static void test_recordings_of_different_length_compare_by_rates(void **state)
{
	struct snapshot *before = mended_snapshot(false), *after = mended_snapshot(false);
	struct difference *difference;

	(void)state;
	after->duration_ns *= 10;
	for (size_t i = 0; i < after->stack_count; i++) {
		after->stacks[i].live_bytes *= 10;
		after->stacks[i].alloc_bytes *= 10;
		after->stacks[i].oldest_ns *= 1000;
	}
	difference = difference_of_profiles(before, after);
	for (size_t i = 0; i < difference->entry_count; i++)
		assert_int_equal(difference->entries[i].outcome, OUTCOME_SAME);
	assert_null(difference_above(difference, 0));
	difference_free(difference);
	snapshot_free(before);
	snapshot_free(after);
}

static void test_what_has_no_rate_is_compared_by_bytes(void **state)
{
	struct snapshot *before = mended_snapshot(false), *after = mended_snapshot(true);
	struct difference *difference;

	(void)state;
	before->duration_ns = 1000000000;
	difference = difference_of_profiles(before, after);
	assert_false(difference_is_rated(difference));
	assert_null(difference_above(difference, 0));
	const struct difference_entry *leak = find(difference, "put");

	assert_false(leak->rated || leak->before.rated);
	assert_int_equal(leak->outcome, OUTCOME_SHRANK);
	difference_free(difference);
	snapshot_free(before);
	snapshot_free(after);
}

static void test_what_grows_above_a_rate(void **state)
{
	struct snapshot *before = mended_snapshot(true), *after = mended_snapshot(false);
	struct difference *difference = difference_of_profiles(before, after);

	(void)state;
	assert_ptr_equal(difference_above(difference, 1e6), &difference->total);
	assert_null(difference_above(difference, 15e6));
	difference->total.rate.low = 0; /* what shrinks elsewhere does not hide it */
	assert_ptr_equal(difference_above(difference, 14e6), find(difference, "put"));
	difference_free(difference);
	snapshot_free(before);
	snapshot_free(after);
}

/* Of several programs the same stack is one of each. */
static void test_programs_stay_apart(void **state)
{
	static const struct frame frame = {"fill", "a.c", "/usr/lib/libfill.so",
					   1,      1,     FRAME_NATIVE};
	struct snapshot *before = snapshot_new(), *after = snapshot_new();

	(void)state;
	add_target(before, 1, "one", "/bin/one", "");
	add_target(before, 2, "two", "/bin/two", "");
	add_target(after, 9, "two", "/bin/two", "");
	add_stack(before, 0, &frame, 1, 10, 1);
	add_stack(before, 1, &frame, 1, 20, 1);
	add_stack(after, 0, &frame, 1, 30, 1);
	struct difference *difference = difference_of_profiles(before, after);

	assert_int_equal(difference->entry_count, 2);
	assert_int_equal(difference->entries[0].outcome, OUTCOME_GREW);
	assert_true(difference->entries[0].before.bytes == 20);
	assert_int_equal(difference->entries[1].outcome, OUTCOME_WENT);
	difference_free(difference);
	snapshot_free(before);
	snapshot_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mend_shows_across_builds_and_hosts),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_every_line_keeps_to_a_screen),
		cmocka_unit_test(test_recordings_of_different_length_compare_by_rates),
		cmocka_unit_test(test_what_has_no_rate_is_compared_by_bytes),
		cmocka_unit_test(test_what_grows_above_a_rate),
		cmocka_unit_test(test_programs_stay_apart),
	};

	return cmocka_run_group_tests_name("difference", tests, NULL, NULL);
}
