/* SPDX-License-Identifier: BSD-2-Clause */
/* What came less what left, word by word. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "output/net_label.h"
#include "snapshots.h"

static const struct frame frame = {"f", NULL, "/bin/f", 1, 0, FRAME_NATIVE};

static struct snapshot *snapshot;

static int setup(void **state)
{
	(void)state;
	snapshot = snapshot_new();
	add_target(snapshot, 7, "shop", "/usr/bin/shop", "");
	add_stack(snapshot, 0, &frame, 1, 5000000, 5000);
	snapshot->duration_ns = 3600 * UINT64_C(1000000000);
	snapshot->stacks[0].oldest_ns = snapshot->duration_ns - 1;
	snapshot->totals.live_bytes = 5000000;
	snapshot->totals.live_blocks = 5000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	snapshot_free(snapshot);
	return 0;
}

static void assert_net(const char *expected)
{
	struct columns columns;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(columns_init(&columns, file), 0);
	net_print(&columns, snapshot);
	columns_release(&columns);
	fclose(file);
	for (char *at = text; (at = strstr(at, "\n        ")) != NULL;) /* as one line each */
		memmove(at + 1, at + 9, strlen(at + 9) + 1), *at = ' ';
	assert_string_equal(text, expected);
	free(text);
}

static void test_nothing_is_said_where_all_came_before_it_left(void **state)
{
	(void)state;
	assert_net("");
}

static void test_what_was_older(void **state)
{
	(void)state;
	snapshot->unknown_frees = snapshot->sized_frees = 1000;
	snapshot->sized_bytes = 1000000;
	assert_net("net     +4.0 MB: 5.0 MB not freed, 1.0 MB that was older freed meanwhile\n");
	snapshot->has_peak = true;
	assert_net("");
}

static void test_what_turns_over(void **state)
{
	(void)state;
	snapshot->unknown_frees = snapshot->sized_frees = 5000;
	snapshot->sized_bytes = 4900000;
	assert_net("net     +100.0 kB: 5.0 MB not freed, 4.9 MB that was older freed meanwhile: "
		   "most of it took the place of that, so that no rate is told\n");
}

/* A few blocks whose size is unknown are not worth a line. */
static void test_blocks_of_unknown_size(void **state)
{
	(void)state;
	snapshot->unknown_frees = 50;
	assert_net("");
	snapshot->unknown_frees = 51;
	assert_net("net     at most +5.0 MB: 5.0 MB not freed, 51 older blocks of unknown size "
		   "freed meanwhile\n");
}

static void count_python(uint64_t first, uint64_t last, uint64_t first_bytes, uint64_t last_bytes)
{
	struct target *target = &snapshot->targets[0];

	target->python_counted = true;
	target->python_first.blocks = first;
	target->python_last.blocks = last;
	target->python_first.bytes = first_bytes;
	target->python_last.bytes = last_bytes;
}

static void test_what_python_counts_itself(void **state)
{
	(void)state;
	count_python(1000, 1200, 0, 0);
	assert_net("        Python counts 1,200 blocks itself, +200\n");
	count_python(1200, 1000, 0, 0);
	assert_net("        Python counts 1,000 blocks itself, -200\n");
	snapshot->targets[0].python_counted = false;
	assert_net("");
}

static void test_rates(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *said;
	} rates[] = {{0, ""},
		     {5000000, "  +5 MB/h"},
		     {123456, "  +0.12 MB/h"},
		     {12345678, "  +12 MB/h"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct stack *stack = &snapshot->stacks[0];
		struct net net;
		char *text = NULL;
		size_t size;
		FILE *file = open_memstream(&text, &size);

		stack->live_bytes = stack->alloc_bytes = rates[i].bytes;
		net_sum(snapshot, &net);
		net_print_rate(file, snapshot, &net, stack);
		fclose(file);
		assert_string_equal(text, rates[i].said);
		free(text);
	}
}

static void assert_freed(uint64_t live, uint64_t all, const char *expected)
{
	struct stack *stack = &snapshot->stacks[0];
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	stack->live_bytes = live;
	stack->alloc_bytes = all;
	net_print_freed(file, snapshot, stack);
	fclose(file);
	assert_string_equal(text, expected);
	free(text);
}

static void test_what_a_stack_freed(void **state)
{
	(void)state;
	assert_freed(4600000, 5800000, "  freed 1.2 of 5.8 MB");
	assert_freed(5000000, 5300000, "  freed 300.0 kB of 5.3 MB");
	assert_freed(5000000, 5000000, "");
	snapshot->older_than_ns = 1;
	assert_freed(4600000, 5800000, "");
	snapshot->older_than_ns = 0;
	snapshot->mode = MODE_WINDOWS;
	assert_freed(4600000, 5800000, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_said_where_all_came_before_it_left),
		TEST(test_what_was_older),
		TEST(test_what_turns_over),
		TEST(test_blocks_of_unknown_size),
		TEST(test_what_python_counts_itself),
		TEST(test_rates),
		TEST(test_what_a_stack_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
