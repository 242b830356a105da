/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "evidence/writers.h"

static const struct procfs procfs = {"/proc"};
static struct watch_stack rows[8];

static void row_set(size_t row, uint32_t word, enum watch_change change, uint64_t count,
		    int64_t net, uint64_t address)
{
	rows[row] = (struct watch_stack){
		.ready = 1,
		.word = word,
		.change = change,
		.count = count,
		.net = net,
		.native_count = 1,
		.native = {address},
	};
}

/* Native stacks in this very process, without names. */
static int setup(void **state)
{
	const struct writers_config config = {
		.procfs = &procfs,
		.pid = getpid(),
		.stacks = rows,
	};

	for (size_t i = 0; i < 8; i++)
		rows[i] = (struct watch_stack){0};
	*state = writers_new(&config);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	writers_free(*state);
	return 0;
}

static uint64_t code(int number)
{
	return (uint64_t)(uintptr_t)&row_set + (uint64_t)number;
}

static size_t list(struct writers *writers, size_t word, bool refcount, struct watch_writer **found)
{
	size_t count;

	assert_int_equal(writers_list(writers, word, refcount, found, &count), 0);
	return count;
}

static void assert_writer(const struct watch_writer *writer, enum watch_change change,
			  uint64_t count, int64_t net, uint64_t address)
{
	assert_int_equal(writer->change, change);
	assert_int_equal(writer->count, count);
	assert_int_equal(writer->net, net);
	assert_int_equal(writer->frame_count, 1);
	assert_int_equal(writer->frames[0].address, address);
	assert_true(writer->frames[0].native);
}

static void test_by_change_and_count(void **state)
{
	struct watch_writer *found;

	row_set(0, 0, WATCH_GREW, 3, 3, code(1));
	row_set(1, 0, WATCH_SHRANK, 9, -9, code(1));
	row_set(2, 1, WATCH_GREW, 50, 50, code(1));
	row_set(3, 0, WATCH_GREW, 4, 4, code(2));
	row_set(4, 0, WATCH_GREW, 2, 2, code(1)); /* the same line again */
	writers_take(*state, 5);
	assert_int_equal(list(*state, 0, false, &found), 3);
	assert_writer(&found[0], WATCH_SHRANK, 9, -9, code(1));
	assert_writer(&found[1], WATCH_GREW, 5, 5, code(1));
	assert_writer(&found[2], WATCH_GREW, 4, 4, code(2));
	free(found);
	assert_int_equal(list(*state, 1, false, &found), 1);
	assert_writer(&found[0], WATCH_GREW, 50, 50, code(1));
	free(found);
	assert_int_equal(list(*state, 2, false, &found), 0);
	free(found);
}

/* Who takes a reference and gives it back made nothing, however often. */
static void test_references_by_net(void **state)
{
	struct watch_writer *found;

	row_set(0, 0, WATCH_GREW, 400, 400, code(1));
	row_set(1, 0, WATCH_SHRANK, 400, -400, code(1));
	row_set(2, 0, WATCH_GREW, 20, 20, code(2));
	row_set(3, 0, WATCH_SHRANK, 10, -10, code(2));
	row_set(4, 0, WATCH_SHRANK, 5, -5, code(3));
	writers_take(*state, 5);
	assert_int_equal(list(*state, 0, true, &found), 3);
	assert_writer(&found[0], WATCH_GREW, 30, 10, code(2));
	assert_writer(&found[1], WATCH_SAME, 800, 0, code(1));
	assert_writer(&found[2], WATCH_SHRANK, 5, -5, code(3));
	free(found);
}

/* A row that is being written is taken at the next call; counts are those of the moment. */
static void test_rows_come_late(void **state)
{
	struct watch_writer *found;

	row_set(0, 0, WATCH_GREW, 1, 1, code(1));
	row_set(1, 0, WATCH_GREW, 1, 1, code(2));
	rows[0].ready = 0;
	writers_take(*state, 2);
	assert_int_equal(list(*state, 0, false, &found), 1);
	free(found);
	rows[0].ready = 1;
	rows[1].count = 7;
	writers_take(*state, 2);
	assert_int_equal(list(*state, 0, false, &found), 2);
	assert_writer(&found[0], WATCH_GREW, 7, 1, code(2));
	free(found);
}

/* What the programs say is bounded all the same. */
static void test_counts_are_bounded(void **state)
{
	struct watch_writer *found;

	row_set(0, 0, WATCH_GREW, 1, 1, code(1));
	rows[0].native_count = 4000000000u;
	writers_take(*state, 1);
	assert_int_equal(list(*state, 0, false, &found), 1);
	assert_int_equal(found[0].frame_count, WATCH_NATIVE);
	assert_true(found[0].cut);
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_change_and_count, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references_by_net, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows_come_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
