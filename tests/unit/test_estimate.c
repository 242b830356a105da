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

/* Where probes take most of the time, by how much was read and written in what is left. */
static void test_by_transfers(void **state)
{
	const struct usage before = {.cpu_s = 0.1, .transfers = 1000};
	struct usage used = {.cpu_s = 3, .transfers = 2000};

	(void)state;
	assert_near(estimate_overhead_by_transfers(&used, &before), 1400);
	used.cpu_s = 0.3; /* half as much again: the other way is more exact */
	assert_near(estimate_overhead_by_transfers(&used, &before), -1);
	used = (struct usage){.cpu_s = 3, .transfers = 10};
	assert_near(estimate_overhead_by_transfers(&used, &before), -1);
	used.transfers = 2000;
	assert_near(estimate_overhead_by_transfers(&used, &(struct usage){.cpu_s = 0.1}), -1);
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
		cmocka_unit_test(test_by_transfers),
		cmocka_unit_test(test_nothing_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
