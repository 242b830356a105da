/* SPDX-License-Identifier: BSD-2-Clause */
/* What recording is said to have cost, from what it should cost and what was used. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "target/estimate.h"

static void assert_near(double value, double expected)
{
	assert_true(value > expected - 0.01 && value < expected + 0.01);
}

static void test_of_what_was_used_without_probes(void **state)
{
	(void)state;
	assert_near(estimate_overhead(0.1, 1.1, 1000, 0), 10);
	assert_near(estimate_overhead(0, 1, 1000, 0), 0);
	/* an idle process pays in proportion to what it uses, not to the time that passes */
	assert_near(estimate_overhead(0.009, 0.01, 1000, 0), 900);
}

static void test_by_what_a_call_took_before(void **state)
{
	(void)state;
	/* as expected: 1 us more than 1 us */
	assert_near(estimate_overhead(0.001, 0.002, 1000, 1000), 100);
	/* probes were twice as dear as at rest */
	assert_near(estimate_overhead(0.001, 0.003, 1000, 1000), 200);
	/* the process did other things: probes do not cost ten times as much */
	assert_near(estimate_overhead(0.001, 0.011, 1000, 1000), 300.0 / 8);
	/* no more than noise */
	assert_near(estimate_overhead(0.00001, 0.0011, 1000, 1000), 1000.0 / 1090);
}

static void test_what_would_have_been_used(void **state)
{
	const struct usage before = {.cpu_s = 0.1, .wall_s = 1, .transfers = 1000};
	struct usage used = {.cpu_s = 3, .wall_s = 4, .transfers = 2000};

	(void)state;
	assert_near(estimate_used_unprobed(&used, &before), 0.2); /* by its transfers */
	used = (struct usage){.cpu_s = 1, .wall_s = 4};
	assert_near(estimate_used_unprobed(&used, &before), 0.4); /* by the time */
	used.waited_s = 3;                                        /* it had none left */
	assert_near(estimate_used_unprobed(&used, &before), 0);
	used = (struct usage){.cpu_s = 1, .wall_s = 4, .transfers = 2000};
	assert_near(estimate_used_unprobed(&used, &(struct usage){.transfers = 1000}), 0);
}

static void test_over_what_would_have_been_used(void **state)
{
	(void)state;
	/* probes were twice as dear as at rest */
	assert_near(estimate_overhead_over(0.4, 0.9, 0.1), 800);
	/* no less than a third of it: it had less to do */
	assert_near(estimate_overhead_over(0.3, 1, 2), 10);
	/* and no more than three times: it had more */
	assert_near(estimate_overhead_over(0.1, 1, 0.1), 300.0 / 7);
	assert_near(estimate_overhead_over(0.1, 0, 0.1), 0);
}

static void test_nothing_used(void **state)
{
	(void)state;
	assert_near(estimate_overhead(0, 0, 0, 0), 0);
	assert_near(estimate_overhead(0, 0, 0, 1000), 0);
	assert_near(estimate_overhead(0, 1, 0, 1000), 0);
	/* more than all: a share of it is left */
	assert_near(estimate_overhead(2, 1, 1000, 0), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_what_was_used_without_probes),
		cmocka_unit_test(test_by_what_a_call_took_before),
		cmocka_unit_test(test_what_would_have_been_used),
		cmocka_unit_test(test_over_what_would_have_been_used),
		cmocka_unit_test(test_nothing_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
