/* SPDX-License-Identifier: BSD-2-Clause */
/* When looks are due, also where a process turns out to end earlier or later than was thought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "service/plan.h"

static void take(struct plan *plan, double now_s, bool graph)
{
	const struct plan_step *step = plan_take(plan, now_s);

	assert_non_null(step);
	assert_int_equal(step->graph, graph);
}

static void test_of_all(void **state)
{
	struct plan plan;
	size_t steps = 1;

	(void)state;
	plan_begin(&plan, PLAN_OF_ALL, 1000, 1100);
	take(&plan, 1000, true);
	assert_null(plan_take(&plan, 1002.9));
	take(&plan, 1003.1, false);
	take(&plan, 1007.1, false);
	assert_false(plan_has_told(&plan));
	take(&plan, 1012.6, true);
	assert_true(plan_has_told(&plan));
	for (; plan_take(&plan, 1100); steps++)
		;
	assert_int_equal(steps, 6);
}

/* What was missed is not made up for, look by look: one with a graph tells all. */
static void test_ends_earlier(void **state)
{
	struct plan plan;

	(void)state;
	plan_begin(&plan, PLAN_OF_ALL, 1000, 1600);
	take(&plan, 1000, true);
	take(&plan, 1018, false);
	plan_move_end(&plan, 1020, 1018.5); /* by now all steps should have been made */
	take(&plan, 1018.5, true);
	assert_true(plan_has_told(&plan));
	assert_null(plan_take(&plan, 1019));
}

static void test_a_graph_is_kept(void **state)
{
	struct plan plan;

	(void)state;
	plan_begin(&plan, PLAN_OF_ALL, 1000, 1600);
	take(&plan, 1000, true);
	plan_move_end(&plan, 1040, 1013); /* 0.325 of it */
	take(&plan, 1013, true);
	assert_true(plan_has_told(&plan));
	assert_null(plan_take(&plan, 1013));
	plan_move_end(&plan, 1600, 1014);
	assert_null(plan_take(&plan, 1239));
	take(&plan, 1241, true);
}

/* It tells in the first half of its life, and not while it starts. */
static void test_newcomer(void **state)
{
	struct plan plan;

	(void)state;
	plan_begin(&plan, PLAN_OF_NEWCOMER, 1000, 1010);
	assert_null(plan_take(&plan, 1000.5));
	take(&plan, 1001.1, true);
	take(&plan, 1002.1, false);
	take(&plan, 1003.1, false);
	take(&plan, 1004.9, true);
	assert_true(plan_has_told(&plan));
	assert_null(plan_take(&plan, 1008));
	take(&plan, 1009, true);
	assert_null(plan_take(&plan, 1020));
}

/* Every step, at its time and not before, whether it may fall away, and when what grows is told. */
static void test_all_steps(void **state)
{
	static const struct plan_step of_all[] = {
		{0, true, PLAN_NEEDED},     {3, false, PLAN_SPARED},    {7, false, PLAN_NEEDED},
		{12.5, true, PLAN_NEEDED},  {25, false, PLAN_OPTIONAL}, {40, true, PLAN_OPTIONAL},
		{55, false, PLAN_OPTIONAL}, {70, true, PLAN_OPTIONAL},  {85, false, PLAN_OPTIONAL},
	};
	static const struct plan_step of_newcomer[] = {
		{10, true, PLAN_NEEDED}, {20, false, PLAN_SPARED},  {30, false, PLAN_NEEDED},
		{45, true, PLAN_NEEDED}, {85, true, PLAN_FAREWELL},
	};
	static const struct {
		enum plan_kind kind;
		const struct plan_step *steps;
		size_t count;
	} kinds[] = {{PLAN_OF_ALL, of_all, 9}, {PLAN_OF_NEWCOMER, of_newcomer, 5}};

	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		struct plan plan;

		plan_begin(&plan, kinds[kind].kind, 5000, 5100);
		for (size_t i = 0; i < kinds[kind].count; i++) {
			const struct plan_step *expected = &kinds[kind].steps[i];

			assert_null(plan_take(&plan, 5000 + expected->at - 0.01));
			const struct plan_step *step = plan_take(&plan, 5000 + expected->at + 0.01);

			assert_non_null(step);
			assert_int_equal(step->graph, expected->graph);
			assert_int_equal(step->need, expected->need);
			assert_int_equal(plan_has_told(&plan), i >= 3);
		}
		assert_null(plan_take(&plan, 9000));
	}
}

/* Of what was missed the last one without a graph is left where none has one; what is yet to come
 * is not made up for twice. */
static void test_missed_without_a_graph(void **state)
{
	struct plan plan;

	(void)state;
	plan_begin(&plan, PLAN_OF_ALL, 1000, 2000);
	take(&plan, 1000, true);
	plan_move_end(&plan, 1100, 1008); /* at 0.08 of it */
	take(&plan, 1008, false);
	assert_null(plan_take(&plan, 1012));
	take(&plan, 1012.6, true);
	plan_begin(&plan, PLAN_OF_ALL, 1000, 2000);
	plan_move_end(&plan, 1000, 1000); /* no time at all */
	take(&plan, 1000, true);
	assert_null(plan_take(&plan, 3000));
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
