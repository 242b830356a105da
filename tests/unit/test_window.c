/* SPDX-License-Identifier: BSD-2-Clause */
/* When calls were counted for long enough. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "probes/window.h"

static bool is_enough(double calls, double busy_s, double wall_s, double passed_s)
{
	const struct window_seen seen = {.calls = calls, .busy_s = busy_s, .wall_s = wall_s};

	return window_is_enough(&seen, passed_s);
}

static void test_two_hundred_calls_are_enough(void **state)
{
	(void)state;
	assert_true(is_enough(200, 0.2, 0.2, 0.2));
	assert_false(is_enough(199, 0.2, 0.2, 0.2));
	assert_false(is_enough(199, 1.9, 1.9, 1.9));
}

static void test_what_works_now_and_then_is_watched_on(void **state)
{
	(void)state;
	/* a request of 10 ms now and then, one second without any behind it */
	assert_false(is_enough(0, 0.01, 2, 1.5));
	/* a call here and there */
	assert_false(is_enough(3, 0.01, 2, 1.5));
	/* it has something to do, and waits for a processor */
	assert_false(is_enough(0, 1.2, 1.2, 1.2));
}

static void test_what_does_nothing_is_not_waited_for(void **state)
{
	(void)state;
	assert_true(is_enough(0, 0, 1.3, 1));
	/* it wakes, looks around, and sleeps */
	assert_true(is_enough(4, 0.0005, 1.3, 1));
	/* it may have been a moment of rest */
	assert_false(is_enough(0, 0, 1.2, 0.9));
}

static void test_what_will_wake_soon_is_waited_for(void **state)
{
	const struct usage asleep = {.wall_s = 0.2}, busy = {.cpu_s = 0.2, .wall_s = 0.2};
	const struct usage woken = {.cpu_s = 0.01, .wall_s = 0.2, .sleeps = 1};
	const struct usage often = {.sleeps = 60}, seldom = {.sleeps = 20};

	(void)state;
	assert_true(window_will_wake(&asleep, &often, 60));
	assert_false(window_will_wake(&asleep, &seldom, 60));
	/* it may have slept that often as it began */
	assert_false(window_will_wake(&asleep, &often, 9));
	assert_false(window_will_wake(&woken, &often, 60));
	assert_false(window_will_wake(&busy, &often, 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_hundred_calls_are_enough),
		cmocka_unit_test(test_what_works_now_and_then_is_watched_on),
		cmocka_unit_test(test_what_does_nothing_is_not_waited_for),
		cmocka_unit_test(test_what_will_wake_soon_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
