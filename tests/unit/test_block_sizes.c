/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes of blocks that become ever more, in made-up looks at a heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "service/block_sizes.h"

enum { LOOKS = 10, EACH_S = 12, SIZES = 2 };

struct row {
	uint64_t size;
	uint64_t counts[LOOKS];
};

static const struct row forgotten = {8208, {10, 10, 11, 11, 12, 13, 13, 14, 15, 15}};
static const struct row busy = {1040, {90, 120, 80, 130, 140, 90, 150, 160, 120, 170}};

/* Looks at a process that has chunks of the sizes of the rows. */
static struct block_sizes look_at(const struct row *rows, size_t count)
{
	struct procfs procfs = {.root = "/proc"};
	struct look_malloc malloc = {0};
	struct block_sizes sizes;

	block_sizes_init(&sizes, 1);
	for (size_t i = 0; i < LOOKS; i++) {
		struct look_chunks chunks[SIZES];
		struct look look = {
			.malloc = &malloc, .chunks = chunks, .chunk_class_count = count};

		for (size_t j = 0; j < count; j++)
			chunks[j] = (struct look_chunks){rows[j].size, rows[j].counts[i],
							 rows[j].size * rows[j].counts[i]};
		block_sizes_take(&sizes, &procfs, (double)(i * EACH_S), &look);
	}
	return sizes;
}

static size_t count_grown(struct block_sizes *sizes, bool is_python, enum grown_need need)
{
	struct c_growth growth;
	bool any = block_sizes_grown(sizes, is_python, need, &growth);

	assert_int_equal(any, growth.size_count > 0);
	return growth.size_count;
}

static void test_what_is_forgotten_beside_what_comes_and_goes(void **state)
{
	const struct row rows[] = {busy, forgotten};
	struct block_sizes sizes = look_at(rows, 2);
	const struct grown_size *grown;
	struct c_growth growth;
	struct rate rate;

	(void)state;
	assert_true(block_sizes_grown(&sizes, false, GROWN_OF_C, &growth));
	assert_int_equal(growth.size_count, 1);
	grown = growth.sizes;
	assert_int_equal(grown[0].bytes, 8208);
	assert_int_equal(grown[0].more, 5);
	assert_int_equal(grown[0].looks, LOOKS);
	assert_float_equal(grown[0].seconds, (LOOKS - 1) * EACH_S, 0.01);
	rate = growth.rate;
	assert_float_equal(rate.value, 5 * 8208 * 3600.0 / grown[0].seconds, 0.2 * rate.value);
	assert_true(rate.low > 0 && rate.low < rate.value && rate.high > rate.value);
	block_sizes_release(&sizes);
}

/* What became more at first only, by too little, or at too few looks. */
static void test_what_is_not_sure(void **state)
{
	static const struct row rows[] = {
		{8208, {1, 3, 5, 7, 9, 9, 9, 9, 9, 9}},
		{256, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{65536, {1, 1, 1, 1, 5, 5, 5, 5, 9, 9}},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct block_sizes sizes = look_at(&rows[i], 1);

		assert_int_equal(count_grown(&sizes, false, GROWN_MAYBE), 1);
		assert_int_equal(count_grown(&sizes, false, GROWN_SURE), 0);
		block_sizes_release(&sizes);
	}
	struct block_sizes sizes = look_at(&busy, 1);
	assert_int_equal(count_grown(&sizes, false, GROWN_MAYBE), 0);
	block_sizes_release(&sizes);
}

static void set_of_python(struct block_sizes *sizes, uint64_t count)
{
	if (!sizes->python)
		sizes->python = calloc(1, sizeof(*sizes->python));
	sizes->python->items[chunk_class_of(forgotten.size)].count = count;
	sizes->python_s = sizes->looked_s;
}

static void test_what_is_of_python(void **state)
{
	struct block_sizes sizes = look_at(&forgotten, 1);

	(void)state;
	assert_int_equal(count_grown(&sizes, true, GROWN_MAYBE), 0); /* nobody knows */
	set_of_python(&sizes, 1);
	assert_int_equal(count_grown(&sizes, true, GROWN_OF_C), 1);
	set_of_python(&sizes, 7); /* it may be these that become more */
	assert_int_equal(count_grown(&sizes, true, GROWN_OF_C), 0);
	assert_int_equal(count_grown(&sizes, true, GROWN_SURE), 1);
	set_of_python(&sizes, 14);
	assert_int_equal(count_grown(&sizes, true, GROWN_MAYBE), 0);
	block_sizes_release(&sizes);
}

/* Strings of one length that a list got after the last look that knows of Python's. */
static void test_what_came_since_python_was_asked(void **state)
{
	struct block_sizes sizes = look_at(&forgotten, 1);

	(void)state;
	set_of_python(&sizes, 1);
	sizes.python_s = EACH_S;
	assert_int_equal(count_grown(&sizes, true, GROWN_OF_C), 0);
	assert_int_equal(count_grown(&sizes, true, GROWN_SURE), 1); /* where nothing explains it */
	sizes.python_s = 7 * EACH_S;
	assert_int_equal(count_grown(&sizes, true, GROWN_OF_C), 1);
	block_sizes_release(&sizes);
}

/* Strings that a list gets all the time, in a size of which C code has next to none: the last
 * look that knows is an early one, as where no other could be paid for. */
static void test_what_python_had_nearly_all_of(void **state)
{
	static const struct row strings = {
		544, {100, 400, 700, 1000, 1300, 1600, 1900, 2200, 2500, 2800}};
	struct block_sizes sizes = look_at(&strings, 1);
	size_t class = chunk_class_of(strings.size);

	(void)state;
	sizes.first_python = calloc(1, sizeof(*sizes.first_python));
	sizes.python = calloc(1, sizeof(*sizes.python));
	sizes.first_python->items[class].count = 95;
	sizes.python->items[class].count = 394;
	sizes.python_s = EACH_S;
	assert_int_equal(count_grown(&sizes, true, GROWN_SURE), 0);
	sizes.python->items[class].count = 295; /* 100 of 300 that came are of C code */
	assert_int_equal(count_grown(&sizes, true, GROWN_SURE), 1);
	block_sizes_release(&sizes);
}

/* A cache that is full has as many as before, whatever comes and goes; halves of the looks tell. */
static void test_how_many_more_there_come_to_be(void **state)
{
	static const struct row rows[] = {{1040, {90, 92, 89, 91, 90, 90, 91, 89, 92, 90}},
					  {8208, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100}}};
	struct block_sizes sizes = look_at(rows, 2), none;
	double more;

	(void)state;
	assert_true(block_sizes_more(&sizes, chunk_class_of(8208), 24, &more));
	assert_float_equal(more, 20, 0.001);
	assert_true(block_sizes_more(&sizes, chunk_class_of(1040), 24, &more));
	assert_float_equal(more, 0, 0.5);
	assert_true(block_sizes_more(&sizes, chunk_class_of(48), 24, &more));
	assert_float_equal(more, 0, 0.001);
	block_sizes_release(&sizes);
	block_sizes_init(&none, 1);
	assert_false(block_sizes_more(&none, chunk_class_of(8208), 24, &more));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_forgotten_beside_what_comes_and_goes),
		cmocka_unit_test(test_what_is_not_sure),
		cmocka_unit_test(test_what_is_of_python),
		cmocka_unit_test(test_what_came_since_python_was_asked),
		cmocka_unit_test(test_what_python_had_nearly_all_of),
		cmocka_unit_test(test_how_many_more_there_come_to_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
