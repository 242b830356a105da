/* SPDX-License-Identifier: BSD-2-Clause */
/* What may be spent on processes that do much, little and nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "service/allowance.h"

#define assert_near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void test_busy(void **state)
{
	struct allowance allowance = {.duration = 600, .passed = 60, .used = 57, .spent = 1.5};

	(void)state;
	assert_near(allowance_share(&allowance), 0.95 * ALLOWANCE_SHARE);
	assert_near(allowance_left(&allowance), 570 * ALLOWANCE_SHARE - 1.5);
}

static void test_of_many_processors(void **state)
{
	struct allowance allowance = {.duration = 100, .passed = 50, .used = 400};

	(void)state;
	assert_near(allowance_left(&allowance), 800 * ALLOWANCE_SHARE);
}

/* A second, and of a long time a thousandth of a processor. */
static void test_idle(void **state)
{
	struct allowance allowance = {.duration = 600, .passed = 60, .used = 0.1, .spent = 0.5};

	(void)state;
	assert_near(allowance_left(&allowance), 1 - 0.5);
	allowance.duration = 3600;
	assert_near(allowance_left(&allowance), 3.6 - 0.5);
	allowance.duration = 120;
	assert_near(allowance_left(&allowance), 1 - 0.5);
	allowance.spent = 2;
	assert_near(allowance_left(&allowance), -1);
	allowance.alike = 4;
	allowance.duration = 30;
	assert_near(allowance_left(&allowance), 0.25 - 2);
}

/* What polls take goes on until the end, and is kept back. */
static void test_steady(void **state)
{
	struct allowance allowance = {
		.duration = 120, .passed = 40, .used = 40, .spent = 0.5, .steady = 0.1};

	(void)state;
	assert_near(allowance_left(&allowance), 120 * ALLOWANCE_SHARE - 0.5 - 0.2);
	allowance.passed = 120;
	allowance.used = 120;
	assert_near(allowance_left(&allowance), 120 * ALLOWANCE_SHARE - 0.5);
	allowance.passed = 121; /* the last look comes behind the end */
	assert_near(allowance_left(&allowance), 120 * ALLOWANCE_SHARE * 120 / 121 - 0.5);
	allowance.passed = 0; /* no division by it */
	allowance.usual = 1;
	assert_near(allowance_left(&allowance), 120 * ALLOWANCE_SHARE - 0.5);
}

/* What a process has used by then is told in hundredths of a second. */
static void test_first_seconds(void **state)
{
	struct allowance allowance = {.duration = 600, .passed = 1, .used = 0.01, .usual = 0.9};

	(void)state;
	assert_near(allowance_left(&allowance), 540 * ALLOWANCE_SHARE);
	allowance.passed = 4.99;
	assert_near(allowance_left(&allowance), 540 * ALLOWANCE_SHARE);
	allowance.passed = 5;
	assert_near(allowance_left(&allowance), 1);
	allowance.passed = 0; /* no division by it */
	assert_near(allowance_left(&allowance), 540 * ALLOWANCE_SHARE);
}

static void test_first_graph(void **state)
{
	struct allowance allowance = {.duration = 120, .usual = 0};

	(void)state;
	assert_true(allowance_has_first_graph(allowance_left(&allowance), 0.25, 0.1));
	assert_false(allowance_has_first_graph(allowance_left(&allowance), 0.25, 0.2));
	assert_true(allowance_has_first_graph(1, 0.25, 0.125));
	assert_false(allowance_has_first_graph(0.99, 0.25, 0.125));
	assert_true(allowance_has_first_graph(0, 0, 0));
	assert_false(allowance_has_first_graph(-0.1, 0, 0));
	allowance.usual = 1.3;
	assert_true(allowance_has_first_graph(allowance_left(&allowance), 0.25, 0.2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy),   cmocka_unit_test(test_of_many_processors),
		cmocka_unit_test(test_idle),   cmocka_unit_test(test_first_seconds),
		cmocka_unit_test(test_steady), cmocka_unit_test(test_first_graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
