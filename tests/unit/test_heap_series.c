/* SPDX-License-Identifier: BSD-2-Clause */
/* Live chunks of a made-up process by size, over looks; and blocks that are looked up in it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap_space.h"
#include "made_tree.h"
#include "service/heap_series.h"

enum { PID = 77, LOOKS_MOST = 48 };

/* What the process is like at the next look. */
static void (*change)(struct pages *space);

static struct heap_series *series;

struct pages *pages_new(pid_t pid, const struct regions *regions)
{
	struct pages *space = space_new();

	assert_int_equal(pid, PID);
	assert_int_equal(regions->count, 1);
	if (change)
		change(space);
	return space;
}

static int setup(void **state)
{
	static const struct procfs procfs = {.root = tree_root};
	(void)state;
	tree_make("/tmp/unfreed-heap-series");
	tree_write("77/smaps", "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n");
	change = NULL;
	series = heap_series_new(&procfs);
	return series && heap_series_add(series, 78, 78) && heap_series_add(series, PID, PID) ? 0
											      : -1;
}

static int teardown(void **state)
{
	(void)state;
	heap_series_free(series);
	tree_remove();
	return 0;
}

static size_t samples_of(pid_t pid, uint64_t chunk, struct sample *samples)
{
	return heap_series_samples(series, pid, chunk_class_of(chunk), samples);
}

/* The first chunks of the heap: 32 and 48 bytes, and 1040 that are free. */
#define FIRST  (SPACE_HEAP + 16)
#define SECOND (SPACE_HEAP + 32 + 16)
#define FREE   (SPACE_HEAP + 32 + 48 + 16)

static void cache_the_first(struct pages *space)
{
	*space_word(space, SPACE_HEAP + 24) = SPACE_KEY;
}

static void test_each_look_counts_live_chunks(void **state)
{
	struct sample samples[LOOKS_MOST];
	double before;

	(void)state;
	assert_int_equal(samples_of(PID, 32, samples), 0);
	heap_series_look(series);
	change = cache_the_first;
	heap_series_look(series);
	assert_int_equal(samples_of(PID, 32, samples), 2);
	assert_true(samples[0].value > 1);
	assert_true(samples[1].value == samples[0].value - 1);
	assert_true(samples[1].at_s > samples[0].at_s);
	before = samples[0].value;
	assert_int_equal(samples_of(PID, SPACE_BIG_PAGES * PAGES_BYTES, samples), 2);
	assert_true(samples[0].value == 1 && samples[1].value == 1);
	assert_true(before != 1);
	assert_true(heap_series_cost_s(series) > 0);
	assert_null(heap_series_problem(series));
}

static void test_few_looks_tell_nothing(void **state)
{
	(void)state;
	assert_true(heap_series_is_short(series));
	for (size_t i = 1; i < SLOPE_LEAST; i++)
		heap_series_look(series);
	assert_true(heap_series_is_short(series));
	heap_series_look(series);
	assert_false(heap_series_is_short(series));
}

static void test_who_cannot_be_read_has_no_samples(void **state)
{
	struct sample samples[LOOKS_MOST];

	(void)state;
	heap_series_look(series);
	assert_int_equal(samples_of(78, 32, samples), 0);
	assert_int_equal(samples_of(79, 32, samples), 0);
	assert_null(heap_series_problem(series));
}

static void test_many_looks_are_thinned(void **state)
{
	struct sample samples[LOOKS_MOST];
	size_t count;

	(void)state;
	for (size_t i = 0; i < LOOKS_MOST; i++)
		heap_series_look(series);
	assert_int_equal(samples_of(PID, 32, samples), LOOKS_MOST);
	double first_s = samples[0].at_s;
	heap_series_look(series);
	count = samples_of(PID, 32, samples);
	assert_int_equal(count, LOOKS_MOST / 2 + 1);
	assert_true(samples[0].at_s == first_s);
	for (size_t i = 1; i < count; i++) {
		assert_true(samples[i].at_s > samples[i - 1].at_s);
		assert_true(samples[i].value == samples[0].value);
	}
}

static void test_blocks_that_are_there(void **state)
{
	struct sought_block blocks[] = {
		{.address = FIRST, .size = 24},
		{.address = SECOND, .size = 33},
		{.address = FREE, .size = 1000},
		{.address = SPACE_BIG + 16, .size = 4096},
	};

	(void)state;
	heap_series_find(series, PID, blocks, 4);
	assert_false(blocks[0].gone || blocks[1].gone || blocks[3].gone);
	assert_true(blocks[2].gone);
	assert_int_equal(blocks[0].class, chunk_class_of(32));
	assert_int_equal(blocks[1].class, chunk_class_of(48));
	assert_int_equal(blocks[3].class, chunk_class_of(SPACE_BIG_PAGES * PAGES_BYTES));
}

/* In their place lies what is smaller, much larger, begins elsewhere, or is not in use. */
static void test_blocks_in_whose_place_others_are(void **state)
{
	struct sought_block small[] = {{.address = FIRST, .size = 25}};
	struct sought_block large[] = {{.address = SECOND, .size = 7}};
	struct sought_block just[] = {{.address = SECOND, .size = 8}};
	struct sought_block inside[] = {{.address = SECOND + 16, .size = 20}};
	struct sought_block cached[] = {{.address = FIRST, .size = 24}};

	(void)state;
	heap_series_find(series, PID, small, 1);
	heap_series_find(series, PID, large, 1);
	heap_series_find(series, PID, just, 1);
	heap_series_find(series, PID, inside, 1);
	assert_true(small[0].gone && large[0].gone && inside[0].gone);
	assert_false(just[0].gone);
	change = cache_the_first;
	heap_series_find(series, PID, cached, 1);
	assert_true(cached[0].gone);
}

/* What cannot be read counts as there, in the class that malloc would give it. */
static void test_blocks_of_a_process_that_is_gone(void **state)
{
	struct sought_block blocks[] = {
		{.size = 1, .gone = true},
		{.size = 24, .gone = true},
		{.size = 25, .gone = true},
		{.size = 1000, .gone = true},
	};

	(void)state;
	heap_series_find(series, 78, blocks, 2);
	heap_series_find(series, 79, blocks + 2, 2);
	for (size_t i = 0; i < 4; i++)
		assert_false(blocks[i].gone);
	assert_int_equal(blocks[0].class, chunk_class_of(32));
	assert_int_equal(blocks[1].class, chunk_class_of(32));
	assert_int_equal(blocks[2].class, chunk_class_of(48));
	assert_int_equal(blocks[3].class, chunk_class_of(1008));
}

static void break_malloc(struct pages *space)
{
	space_word(space, SPACE_ARENA)[1] = SPACE_ARENA;
}

static void test_a_heap_that_is_not_understood_may_be_later(void **state)
{
	struct sample samples[LOOKS_MOST];

	(void)state;
	change = break_malloc;
	heap_series_look(series);
	assert_non_null(heap_series_problem(series));
	assert_int_equal(samples_of(PID, 32, samples), 0);
	change = NULL;
	heap_series_look(series);
	assert_null(heap_series_problem(series));
	assert_int_equal(samples_of(PID, 32, samples), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_look_counts_live_chunks),
		TEST(test_few_looks_tell_nothing),
		TEST(test_who_cannot_be_read_has_no_samples),
		TEST(test_many_looks_are_thinned),
		TEST(test_blocks_that_are_there),
		TEST(test_blocks_in_whose_place_others_are),
		TEST(test_blocks_of_a_process_that_is_gone),
		TEST(test_a_heap_that_is_not_understood_may_be_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
