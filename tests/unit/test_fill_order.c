/* SPDX-License-Identifier: BSD-2-Clause */
/* Which line is put forward where what it fills is emptied too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyze/fill_order.h"

/* By a line of its own, from one of several callers. */
static struct answer_fill fill(const char *function, uint32_t caller, int64_t delta)
{
	static struct answer_frame frames[16][2];
	static size_t used;
	struct answer_frame *stack = frames[used++ % 16];

	stack[0] = (struct answer_frame){function, "store.py", 7, true};
	stack[1] = (struct answer_frame){"view", "views.py", caller, true};
	return (struct answer_fill){
		.delta = delta, .count = (uint64_t)delta, .frames = stack, .frame_count = 2};
}

/* Requests under way come and go; what one of them forgets comes from elsewhere. */
static void test_what_stays_comes_before_what_comes_and_goes(void **state)
{
	struct answer_fill fills[] = {fill("begin", 1, 600), fill("begin", 2, 380),
				      fill("forget", 3, 9)};

	(void)state;
	fills_order(fills, 3, 12);
	assert_string_equal(fills[0].frames[0].function, "forget");
	assert_int_equal(fills[1].delta, 600);
	assert_true(fills_explain(fills, 3, 0, 12) == 0.75);
	/* what all callers of a line put in counts together */
	assert_true(fills_explain(fills, 3, 1, 490) == 0.5);
}

/* Half of what one line puts in stays: a seldom one does not explain that. */
static void test_half_of_one_line_stays(void **state)
{
	struct answer_fill fills[] = {fill("seldom", 1, 20), fill("often", 2, 1000)};

	(void)state;
	fills_order(fills, 2, 500);
	assert_string_equal(fills[0].frames[0].function, "often");
	fills_order(fills, 2, -3);
	assert_string_equal(fills[0].frames[0].function, "seldom");
}

static void test_without_frames(void **state)
{
	struct answer_fill fills[] = {{.delta = 5, .count = 5}, fill("one", 1, 3)};

	(void)state;
	fills_order(fills, 2, 3);
	assert_int_equal(fills[0].frame_count, 2);
	fills_order(NULL, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_stays_comes_before_what_comes_and_goes),
		cmocka_unit_test(test_half_of_one_line_stays),
		cmocka_unit_test(test_without_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
