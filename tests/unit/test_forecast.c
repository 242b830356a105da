/* SPDX-License-Identifier: BSD-2-Clause */
/* When a limit is reached, against many runs that go on until they reach it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyze/forecast.h"

enum { COUNT = 120, FUTURE = 4000, RUNS = 200, EVERY_S = 30 };

enum noise { WHITE, LASTING, SAWTOOTH, WALK, JUMPS, NOISES };

static const char *const names[] = {"white", "lasting", "sawtooth", "walk", "jumps"};

static double uniform(void)
{
	return ((double)random() + 0.5) / ((double)RAND_MAX + 1);
}

static double normal(void)
{
	double radius = sqrt(-2 * log(uniform()));

	return radius * cos(2 * M_PI * uniform());
}

/* A level that rises by `slope` a sample, in its way. */
static void draw(enum noise noise, double slope, double *levels, size_t count)
{
	double period = 8 + floor(22 * uniform()), height = 2 + 4 * uniform();
	double phase = uniform() * period, level = 1000, lasting = 0, jump_share = 0.1;

	for (size_t i = 0; i < count; i++) {
		level += noise != JUMPS ? slope : uniform() < jump_share ? slope / jump_share : 0;
		lasting = 0.8 * lasting + 0.6 * normal();
		if (noise == WALK)
			level += 0.2 * normal();
		levels[i] = level;
		if (noise == WHITE)
			levels[i] += normal();
		else if (noise == LASTING)
			levels[i] += lasting;
		else if (noise == SAWTOOTH)
			levels[i] +=
				height * fmod((double)i + phase, period) / period + 0.2 * normal();
		else if (noise == JUMPS)
			levels[i] += 0.3 * normal();
	}
}

/* Whether the time at which it gets there lies in the interval. False: it is not foreseen. */
static bool try_one(enum noise noise, bool *inside)
{
	static double levels[COUNT + FUTURE];
	double slope = 0.05 + 0.25 * uniform(), limit = 0;
	struct sample samples[COUNT];
	struct forecast forecast;
	size_t reached = COUNT;

	draw(noise, slope, levels, COUNT + FUTURE);
	for (size_t i = 0; i < COUNT; i++) {
		samples[i] = (struct sample){(double)i * EVERY_S, levels[i]};
		limit = fmax(limit, levels[i]);
	}
	limit += slope * (10 + 390 * uniform());
	while (reached < COUNT + FUTURE && levels[reached] < limit)
		reached++;
	if (!forecast_reach(samples, COUNT, limit, &forecast))
		return false;
	double after_s = (double)(reached - COUNT + 1) * EVERY_S;
	*inside = forecast.early_s <= after_s && after_s <= forecast.late_s;
	assert_true(forecast.early_s <= forecast.likely_s && forecast.likely_s <= forecast.late_s);
	return true;
}

/* Eight times in ten it lies inside, whatever the noise is like; of each kind in the most. */
static void test_backtest(void **state)
{
	size_t inside = 0, told = 0;

	(void)state;
	srandom(1);
	for (enum noise noise = 0; noise < NOISES; noise++) {
		size_t inside_here = 0, told_here = 0;

		for (size_t i = 0; i < RUNS; i++) {
			bool is_inside;

			if (!try_one(noise, &is_inside))
				continue;
			told_here++;
			inside_here += is_inside;
		}
		print_message("%s: %zu of %zu\n", names[noise], inside_here, told_here);
		assert_true(told_here > RUNS / 2);
		assert_true((double)inside_here > 0.65 * (double)told_here);
		inside += inside_here;
		told += told_here;
	}
	assert_in_range(inside * 1000 / told, 750, 850);
}

static void test_a_straight_line(void **state)
{
	struct sample samples[COUNT];
	struct forecast forecast;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = (struct sample){1000 + (double)i * EVERY_S, (double)i};
	assert_true(forecast_reach(samples, COUNT, COUNT + 99, &forecast));
	assert_in_range(forecast.early_s, 99 * EVERY_S, 102 * EVERY_S);
	assert_in_range(forecast.late_s, 99 * EVERY_S, 102 * EVERY_S);
	assert_true(forecast_reach(samples, COUNT, 50, &forecast)); /* it is there */
	assert_in_range(forecast.late_s, 0, EVERY_S);
	assert_true(forecast_reach(samples, COUNT, 1e9, &forecast));
	assert_true(isinf(forecast.early_s));
}

static void test_what_does_not_grow(void **state)
{
	struct sample samples[COUNT];
	struct forecast forecast;

	(void)state;
	srandom(2);
	for (size_t i = 0; i < COUNT; i++)
		samples[i] = (struct sample){(double)i, 1000 + normal()};
	assert_false(forecast_reach(samples, COUNT, 2000, &forecast));
	for (size_t i = 0; i < COUNT; i++)
		samples[i].value = 1000;
	assert_false(forecast_reach(samples, COUNT, 2000, &forecast));
	for (size_t i = 0; i < COUNT; i++)
		samples[i].value = 1000 - (double)i;
	assert_false(forecast_reach(samples, COUNT, 2000, &forecast));
	assert_false(forecast_reach(samples, FORECAST_LEAST - 1, 2000, &forecast));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backtest),
		cmocka_unit_test(test_a_straight_line),
		cmocka_unit_test(test_what_does_not_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
