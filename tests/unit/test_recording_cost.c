/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording is said to have cost: of several targets, of an interpreter, of none. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "service/recording_cost.h"

static void assert_near(double value, double expected)
{
	if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected))))
		fail_msg("%.12g, not %.12g", value, expected);
}

static struct estimate estimate_of(double calls_per_s, double cost_ns, double base_ns)
{
	return (struct estimate){
		.calls_per_s = calls_per_s,
		.call_cost_ns = cost_ns,
		.call_base_ns = base_ns,
		.cpu_used = 0.5,
		.slowdown_percent = cost_ns,
		.costs.pair_ns = 7,
		.unprobed = {.cpu_s = 0.25},
	};
}

static void test_several_targets(void **state)
{
	const struct estimate idle = estimate_of(0, 50, 60), slow = estimate_of(100, 10, 20),
			      fast = estimate_of(300, 30, 40);
	struct recording_cost cost = {0};

	(void)state;
	recording_cost_add(&cost, &idle); /* which all that is known is of, so far */
	assert_near(cost.call.cost_ns, 50);
	assert_near(cost.call.base_ns, 60);
	assert_near(cost.slowdown_percent, 50);
	recording_cost_add(&cost, &slow); /* and then nothing */
	assert_near(cost.call.cost_ns, 10);
	recording_cost_add(&cost, &fast);
	assert_near(cost.calls_per_s, 400);
	assert_near(cost.call.cost_ns, 25);
	assert_near(cost.call.base_ns, 35);
	assert_near(cost.call.least_ns, 14);
	assert_near(cost.cpu_used, 1.5);
	assert_near(cost.unprobed.cpu_s, 0.75);
	assert_near(cost.slowdown_percent, 50);
	assert_near(cost.traps.pair_ns, 7);
}

static void test_an_interpreter(void **state)
{
	const struct estimate estimate = estimate_of(100, 10, 20);
	struct recording_cost cost = {0};

	(void)state;
	recording_cost_add(&cost, &estimate);
	cost.traps.entry_ns[SITE_STEPPED] = 4000;
	recording_cost_of_python(&cost, SITE_STEPPED);
	assert_near(cost.call.cost_ns, estimate_typical_call_ns(&cost.traps, SITE_STEPPED));
	assert_near(cost.call.base_ns, 0); /* its calls were not seen before */
	assert_near(cost.call.least_ns, 35);
	assert_near(cost.calls_per_s, 100);
}

/* Of half a second in which half a processor was used beside a million calls of 100 ns each. */
static void test_without_usage(void **state)
{
	const struct recording_cost cost = {
		.call = {.cost_ns = 100, .base_ns = 200},
		.cpu_used = 0.5,
	};
	struct snapshot snapshot = {.overhead_percent = -1, .overhead_core_percent = -1};
	const double used_s = 0.5 * 0.5 + 0.1;

	(void)state;
	recording_cost_fill(&cost, 0.5, 1e6, NULL, &snapshot);
	assert_near(snapshot.overhead_percent, overhead_by_calls(&cost.call, 1e6, used_s));
	assert_near(snapshot.overhead_percent, 75);
	assert_near(snapshot.overhead_core_percent, used_s * 75 / 175 * 200);
}

/* What it used meanwhile is known, and what for the same work in a time without probes may be. */
static void test_with_usage(void **state)
{
	const struct usage used = {.cpu_s = 1.2, .wall_s = 2, .transfers = 2000};
	struct recording_cost cost = {.call = {.cost_ns = 100, .base_ns = 1000}, .cpu_used = 9};
	struct snapshot snapshot = {0};

	(void)state;
	recording_cost_fill(&cost, 2, 1e6, &used, &snapshot);
	assert_near(snapshot.overhead_percent, overhead_by_calls(&cost.call, 1e6, 1.2));
	assert_near(snapshot.overhead_core_percent,
		    1.2 * snapshot.overhead_percent / (100 + snapshot.overhead_percent) * 50);
	cost.unprobed = (struct usage){.cpu_s = 0.1, .wall_s = 0.2, .transfers = 200};
	recording_cost_fill(&cost, 2, 1e6, &used, &snapshot);
	assert_near(overhead_base_s(&used, &cost.unprobed), 1);
	assert_near(snapshot.overhead_percent, overhead_over(0.1, 1.2, 1));
	assert_near(snapshot.overhead_percent, 20);
	assert_near(snapshot.overhead_core_percent, 10);
}

static void test_unknown(void **state)
{
	const struct recording_cost unknown = {.cpu_used = 1}, known = {.call.cost_ns = 100};
	struct snapshot snapshot = {.overhead_percent = -1, .overhead_core_percent = -1};

	(void)state;
	recording_cost_fill(&unknown, 2, 1e6, NULL, &snapshot);
	recording_cost_fill(&known, 0, 1e6, NULL, &snapshot);
	recording_cost_fill(&known, -1, 1e6, NULL, &snapshot);
	assert_near(snapshot.overhead_percent, -1);
	assert_near(snapshot.overhead_core_percent, -1);
	recording_cost_fill(&known, 1, 0, NULL, &snapshot); /* it did nothing */
	assert_near(snapshot.overhead_percent, 0);
	assert_near(snapshot.overhead_core_percent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_targets), cmocka_unit_test(test_an_interpreter),
		cmocka_unit_test(test_without_usage),   cmocka_unit_test(test_with_usage),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
