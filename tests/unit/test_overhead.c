/* SPDX-License-Identifier: BSD-2-Clause */
/* What recording is said to have cost, from what it should cost and what was used. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probes/overhead.h"
#include "probes/sampling.h"

static void assert_near(double value, double expected)
{
	assert_true(value > expected - 0.01 && value < expected + 0.01);
}

static double by_calls(double cost_ns, double base_ns, double used_ns)
{
	const struct call_times times = {.cost_ns = cost_ns, .base_ns = base_ns, .least_ns = 10};

	return overhead_by_calls(&times, 1000, used_ns * 1000 / 1e9);
}

static void test_of_what_was_used_without_probes(void **state)
{
	(void)state;
	assert_near(by_calls(1000, 0, 11000), 10);
	assert_near(by_calls(0, 0, 1000), 0);
	assert_near(by_calls(1000, 0, 2000), 100);
	/* what they left may as well be nothing: it is what a call takes at least */
	assert_near(by_calls(1000, 0, 1010), 10000);
	assert_near(by_calls(1000, 0, 900), 8900);
	assert_near(by_calls(1000, 0, 1200), 100.0 * 1200 / 10 - 100);
	/* and in between something in between, rather too little */
	assert_near(by_calls(1000, 0, 1500), 100.0 * 1500 / 350 - 100);
}

static void test_by_what_a_call_took_before(void **state)
{
	(void)state;
	/* as expected: 1 us more than 1 us */
	assert_near(by_calls(1000, 1000, 2000), 100);
	/* probes were twice as dear as at rest */
	assert_near(by_calls(1000, 1000, 3000), 200);
	/* the process did other things: probes do not cost ten times as much */
	assert_near(by_calls(1000, 1000, 11000), 300.0 / 8);
	/* no more than noise */
	assert_near(by_calls(10, 1000, 1100), 1000.0 / 1090);
}

static void test_what_a_call_takes(void **state)
{
	(void)state;
	/* nothing sampled: what is left, and never nothing */
	assert_near(overhead_call_base(3000, 1000, 0, 0), 2000);
	assert_near(overhead_call_base(1000, 1000, 0, 0), 20);
	/* what probes left is more exact where they took little, the samples where they took all */
	assert_near(overhead_call_base(3000, 1, 1500, 100), 2999);
	assert_true(overhead_call_base(1000, 990, 18, 100) < 18.5);
	assert_true(overhead_call_base(900, 990, 18, 100) > 17.5);
	/* a few samples are better than none */
	assert_true(overhead_call_base(800, 540, 40, 9) < 50);
	assert_true(overhead_call_base(100, 1000, 400, 1) >= 200);
}

static void test_what_samples_say(void **state)
{
	struct sample_share share = {.samples = 1000, .inside = 0};

	(void)state;
	assert_near(sampling_call_ns(&share, 5), 0);
	assert_near(sampling_call_ns(&(struct sample_share){0}, 5), 0);
	share.inside = 50;
	assert_near(sampling_call_ns(&share, 5), 5 * 0.4725 / 0.05);
	share.inside = 1000; /* of nothing but the function itself */
	assert_near(sampling_call_ns(&share, 5), 1);
}

static void test_what_would_have_been_used(void **state)
{
	const struct usage before = {.cpu_s = 0.1, .wall_s = 1, .transfers = 1000, .sleeps = 80};
	const struct usage burst = {.cpu_s = 0.002, .wall_s = 0.2, .sleeps = 1, .transfers = 9};
	struct usage used = {.cpu_s = 3, .wall_s = 4, .transfers = 2000};

	(void)state;
	assert_near(overhead_base_s(&used, &before), 0.2); /* by its transfers */
	used = (struct usage){.cpu_s = 1, .wall_s = 4, .sleeps = 1};
	assert_near(overhead_base_s(&used, &before), 0.4); /* by the time */
	used.sleeps = 5;
	assert_near(overhead_base_s(&used, &burst), 0.01); /* by how often it woke up */
	used.waited_s = 3;                                 /* it had none left */
	assert_near(overhead_base_s(&used, &burst), 0);
	assert_near(overhead_base_s(&used, &before), 0);
	used = (struct usage){.cpu_s = 1, .wall_s = 4, .transfers = 2000};
	assert_near(overhead_base_s(&used, &(struct usage){.transfers = 1000}), 0);
}

static void test_what_counting_left(void **state)
{
	const struct usage used = {.cpu_s = 0.1, .wall_s = 1, .transfers = 300};
	struct usage idle = {.wall_s = 0.5}, busy = {.cpu_s = 0.1, .wall_s = 0.5};

	(void)state;
	overhead_take_left(&busy, &used, 0.09, 0.01); /* it says enough itself */
	assert_near(busy.wall_s, 0.5);
	overhead_take_left(&idle, &used, 0.02, 0.08); /* probes took the larger part */
	assert_near(idle.wall_s, 0.5);
	overhead_take_left(&idle, &used, 0.09, 0.01);
	assert_near(idle.cpu_s, 0.09);
	assert_near(idle.wall_s, 1.5);
	assert_near(idle.transfers, 300);
}

static void test_over_what_would_have_been_used(void **state)
{
	(void)state;
	/* probes were twice as dear as at rest */
	assert_near(overhead_over(0.4, 0.9, 0.1), 800);
	/* no less than a third of it: it had less to do */
	assert_near(overhead_over(0.3, 1, 2), 10);
	/* and no more than three times: it had more */
	assert_near(overhead_over(0.1, 1, 0.1), 300.0 / 7);
	assert_near(overhead_over(0.1, 0, 0.1), 0);
}

static void test_nothing_used(void **state)
{
	(void)state;
	assert_near(by_calls(0, 0, 0), 0);
	assert_near(by_calls(0, 1000, 0), 0);
	assert_near(overhead_by_calls(&(struct call_times){0}, 0, 1), 0);
	assert_near(overhead_left(1, 2), 0.02);
}

static void test_slowdown(void **state)
{
	const struct usage busy = {.cpu_s = 0.6, .waited_s = 0.4},
			   idle = {.cpu_s = 0.1, .sleeps = 3}, waits = {.cpu_s = 0.1};

	(void)state;
	assert_true(overhead_is_full(&busy, 1));
	assert_false(overhead_is_full(&idle, 1));
	assert_true(overhead_is_full(&waits, 1));               /* it never slept */
	assert_near(overhead_slowdown(0.5, 0.1, true, 1), 500); /* of what it has left */
	assert_near(overhead_slowdown(0.5, 0.1, false, 1), 50); /* of a processor */
	assert_near(overhead_slowdown(0, 0, false, 0), 0);
}

/* Three threads, each of which sleeps for most of the time, take a whole processor with probes,
 * or wait for one where others are busy. */
static void test_threads_fill_a_processor_together(void **state)
{
	const struct usage before = {.cpu_s = 0.02, .waited_s = 0.1, .wall_s = 0.6, .sleeps = 180};
	struct usage used = {.cpu_s = 0.08, .waited_s = 0.28, .wall_s = 0.2, .sleeps = 30};

	(void)state;
	assert_true(overhead_is_full(&used, 0.2));
	assert_near(overhead_more(&used, &before), 2);
	used.sleeps = 90; /* it is asked for more than before */
	assert_near(overhead_more(&used, &before), 1);
	used.sleeps = 2; /* one event loop, which has always something to do now */
	assert_near(overhead_more(&used, &before), 0);
	used.sleeps = 30; /* it was full without probes, too */
	assert_near(
		overhead_more(&used, &(struct usage){.cpu_s = 0.99, .wall_s = 1, .sleeps = 200}),
		0);
	assert_near(overhead_more(&used, &(struct usage){.wall_s = 1}), 0);
}

/* A service that wakes up twenty times a second: in a window of 0.2 s it
 * may not go to sleep once. */
static void test_one_that_seldom_wakes_up(void **state)
{
	const struct usage before = {.cpu_s = 0.004, .waited_s = 0.001, .wall_s = 0.5, .sleeps = 9};
	struct usage used = {.cpu_s = 0.11, .waited_s = 0.01, .wall_s = 0.2};

	(void)state;
	assert_true(overhead_is_full(&used, 0.2));
	assert_near(overhead_more(&used, &before), 3.6);
	used.waited_s = 0.08; /* or it waits for a processor, on a busy machine */
	assert_near(overhead_more(&used, &before), 3.6);
	used.sleeps = 2;
	assert_near(overhead_more(&used, &before), 1.8);
	used.sleeps = 0; /* it is not known that it sleeps */
	assert_near(overhead_more(&used, &(struct usage){.cpu_s = 0.02, .wall_s = 0.5}), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_what_was_used_without_probes),
		cmocka_unit_test(test_by_what_a_call_took_before),
		cmocka_unit_test(test_what_would_have_been_used),
		cmocka_unit_test(test_what_counting_left),
		cmocka_unit_test(test_over_what_would_have_been_used),
		cmocka_unit_test(test_nothing_used),
		cmocka_unit_test(test_what_a_call_takes),
		cmocka_unit_test(test_what_samples_say),
		cmocka_unit_test(test_slowdown),
		cmocka_unit_test(test_threads_fill_a_processor_together),
		cmocka_unit_test(test_one_that_seldom_wakes_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
