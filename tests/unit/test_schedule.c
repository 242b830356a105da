/* SPDX-License-Identifier: BSD-2-Clause */
/* When looks are due, also where a process turns out to end earlier or later than was thought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "service/schedule.h"

static void take(struct schedule *schedule, double now_s, bool graph)
{
	const struct schedule_step *step = schedule_take(schedule, now_s);

	assert_non_null(step);
	assert_int_equal(step->graph, graph);
}

static void test_of_all(void **state)
{
	struct schedule schedule;
	size_t steps = 1;

	(void)state;
	schedule_begin(&schedule, SCHEDULE_OF_ALL, 1000, 1100);
	take(&schedule, 1000, true);
	assert_null(schedule_take(&schedule, 1002.9));
	take(&schedule, 1003.1, false);
	take(&schedule, 1007.1, false);
	assert_false(schedule_has_told(&schedule));
	take(&schedule, 1012.6, true);
	assert_true(schedule_has_told(&schedule));
	for (; schedule_take(&schedule, 1100); steps++)
		;
	assert_int_equal(steps, 6);
}

/* What was missed is not made up for, look by look: one with a graph tells all. */
static void test_ends_earlier(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_begin(&schedule, SCHEDULE_OF_ALL, 1000, 1600);
	take(&schedule, 1000, true);
	take(&schedule, 1018, false);
	schedule_move_end(&schedule, 1020, 1018.5); /* by now all steps should have been made */
	take(&schedule, 1018.5, true);
	assert_true(schedule_has_told(&schedule));
	assert_null(schedule_take(&schedule, 1019));
}

static void test_a_graph_is_kept(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_begin(&schedule, SCHEDULE_OF_ALL, 1000, 1600);
	take(&schedule, 1000, true);
	schedule_move_end(&schedule, 1040, 1013); /* 0.325 of it */
	take(&schedule, 1013, true);
	assert_true(schedule_has_told(&schedule));
	assert_null(schedule_take(&schedule, 1013));
	schedule_move_end(&schedule, 1600, 1014);
	assert_null(schedule_take(&schedule, 1239));
	take(&schedule, 1241, true);
}

/* It tells in the first half of its life, and not while it starts. */
static void test_newcomer(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_begin(&schedule, SCHEDULE_OF_NEWCOMER, 1000, 1010);
	assert_null(schedule_take(&schedule, 1000.5));
	take(&schedule, 1001.1, true);
	take(&schedule, 1002.1, false);
	take(&schedule, 1003.1, false);
	take(&schedule, 1004.9, true);
	assert_true(schedule_has_told(&schedule));
	assert_null(schedule_take(&schedule, 1008));
	take(&schedule, 1009, true);
	assert_null(schedule_take(&schedule, 1020));
}

/* Every step, at its time and not before, whether it may fall away, and when what grows is told. */
static void test_all_steps(void **state)
{
	static const struct schedule_step of_all[] = {
		{0, true, STEP_NEEDED},     {3, false, STEP_SPARED},    {7, false, STEP_NEEDED},
		{12.5, true, STEP_NEEDED},  {25, false, STEP_OPTIONAL}, {40, true, STEP_OPTIONAL},
		{55, false, STEP_OPTIONAL}, {70, true, STEP_OPTIONAL},  {85, false, STEP_OPTIONAL},
	};
	static const struct schedule_step of_newcomer[] = {
		{10, true, STEP_NEEDED}, {20, false, STEP_SPARED},  {30, false, STEP_NEEDED},
		{45, true, STEP_NEEDED}, {85, true, STEP_FAREWELL},
	};
	static const struct {
		enum schedule_kind kind;
		const struct schedule_step *steps;
		size_t count;
	} kinds[] = {{SCHEDULE_OF_ALL, of_all, 9}, {SCHEDULE_OF_NEWCOMER, of_newcomer, 5}};

	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		struct schedule schedule;

		schedule_begin(&schedule, kinds[kind].kind, 5000, 5100);
		for (size_t i = 0; i < kinds[kind].count; i++) {
			const struct schedule_step *expected = &kinds[kind].steps[i];

			assert_null(schedule_take(&schedule, 5000 + expected->at - 0.01));
			const struct schedule_step *step =
				schedule_take(&schedule, 5000 + expected->at + 0.01);

			assert_non_null(step);
			assert_int_equal(step->graph, expected->graph);
			assert_int_equal(step->need, expected->need);
			assert_int_equal(schedule_has_told(&schedule), i >= 3);
		}
		assert_null(schedule_take(&schedule, 9000));
	}
}

/* Of what was missed the last one without a graph is left where none has one; what is yet to come
 * is not made up for twice. */
static void test_missed_without_a_graph(void **state)
{
	struct schedule schedule;

	(void)state;
	schedule_begin(&schedule, SCHEDULE_OF_ALL, 1000, 2000);
	take(&schedule, 1000, true);
	schedule_move_end(&schedule, 1100, 1008); /* at 0.08 of it */
	take(&schedule, 1008, false);
	assert_null(schedule_take(&schedule, 1012));
	take(&schedule, 1012.6, true);
	schedule_begin(&schedule, SCHEDULE_OF_ALL, 1000, 2000);
	schedule_move_end(&schedule, 1000, 1000); /* no time at all */
	take(&schedule, 1000, true);
	assert_null(schedule_take(&schedule, 3000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_all),
		cmocka_unit_test(test_ends_earlier),
		cmocka_unit_test(test_a_graph_is_kept),
		cmocka_unit_test(test_newcomer),
		cmocka_unit_test(test_all_steps),
		cmocka_unit_test(test_missed_without_a_graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
