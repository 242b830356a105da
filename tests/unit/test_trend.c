/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of a figure over months, and what it says. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chance.h"
#include "service/monitor/trend.h"

static struct trend trend;

/* A reading each ten seconds, for so many hours. */
static void watch(double hours, double from_s, double level, double per_s, double noise)
{
	for (double at_s = 0; at_s < hours * 3600; at_s += 10)
		trend_add(&trend, from_s + at_s, level + per_s * at_s + noise * (chance() - 0.5));
}

static void test_too_early(void **state)
{
	(void)state;
	chance_seed(1);
	trend_init(&trend, 10);
	assert_null(trend_slope(&trend, 0));
	watch(0.15, 0, 1e8, 1000, 0);
	assert_null(trend_slope(&trend, 0));
	watch(0.15, 541, 1e8, 1000, 0);
	assert_non_null(trend_slope(&trend, 0));
	assert_null(trend_slope(&trend, 1));
}

static void test_growth_in_noise(void **state)
{
	(void)state;
	chance_seed(1);
	trend_init(&trend, 10);
	watch(2, 0, 3e8, 15e6 / 3600, 4e6);
	const struct slope *slope = trend_slope(&trend, 0);
	assert_non_null(slope);
	assert_true(slope->low > 0 && slope->low < 15e6 / 3600 && slope->high > 15e6 / 3600);
}

static void test_none_in_noise(void **state)
{
	(void)state;
	chance_seed(1);
	trend_init(&trend, 10);
	watch(26, 0, 3e8, 0, 4e6);
	for (size_t span = 0; span < TREND_SPANS; span++) {
		const struct slope *slope = trend_slope(&trend, span);

		assert_non_null(slope);
		assert_true(slope->low < 500e3 / 3600);
	}
}

/* Months later the shorter span is of the last hour, the longer of the last day. */
static void test_what_is_long_ago_is_forgotten(void **state)
{
	(void)state;
	chance_seed(1);
	trend_init(&trend, 10);
	watch(24 * 10, 0, 1e8, 1000, 0);
	watch(25, 24 * 10 * 3600, 1e9, 0, 0);
	assert_true(trend_slope(&trend, 0)->per_s == 0);
	assert_true(trend_slope(&trend, 1)->per_s == 0);
	watch(1.1, 24 * 12 * 3600, 1e9, 500, 0);
	assert_in_range((long)(trend_slope(&trend, 0)->per_s + 0.5), 490, 510);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_growth_in_noise),
		cmocka_unit_test(test_none_in_noise),
		cmocka_unit_test(test_what_is_long_ago_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
