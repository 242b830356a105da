/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates of short series: by hand, against published tables, and how often chance deceives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "analyze/slope.h"
#include "chance.h"

enum { RUNS = 2000, STEP_S = 6 };

static bool is_near(double value, double expected, double reach)
{
	if (fabs(value - expected) <= reach)
		return true;
	print_message("%g, not %g\n", value, expected);
	return false;
}

static void test_by_hand(void **state)
{
	struct sample samples[] = {{0, 0}, {1, 3}, {2, 4}, {3, 9}, {4, 8}};
	struct slope slope;

	(void)state;
	/* Ten slopes: -1 1 5/3 2 2 2 3 3 3 5; of five values only all of them bear 95 %. */
	assert_true(slope_of_level(samples, 5, &slope));
	assert_true(slope.per_s == 2);
	assert_true(slope.low == -1 && slope.high == 5);
	/* S = 8 of 10 pairs: 2 (1 + 4) / 5! */
	assert_true(is_near(slope.p, 10.0 / 120, 1e-9));
	for (size_t i = 0; i < 5; i++)
		samples[i].value = 7 * samples[i].at_s;
	assert_true(slope_of_level(samples, 5, &slope));
	assert_true(slope.low == 7 && slope.high == 7);
	assert_true(is_near(slope.p, 2.0 / 120, 1e-9));
	/* Ten slopes: -2 1/2 2/3 1 3/2 7/4 2 2 3 5; the middle lies between two. */
	static const double middle[] = {0, 1, 4, 2, 7};
	for (size_t i = 0; i < 5; i++)
		samples[i].value = middle[i];
	assert_true(slope_of_level(samples, 5, &slope));
	assert_true(slope.per_s == 1.625);
}

/* Kendall's table: of ten values, S >= 23 has the chance 0.023, so that Sen's M is 12. */
static void test_exact_interval_of_ten(void **state)
{
	static const double values[] = {5, 1, 7, 3, 2, 9, 4, 8, 6, 10};
	struct sample samples[10];
	double slopes[45];
	size_t count = 0;
	struct slope slope;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		samples[i] = (struct sample){(double)i, values[i]};
	for (size_t i = 0; i < 10; i++)
		for (size_t j = i + 1; j < 10; j++)
			slopes[count++] = (values[j] - values[i]) / (double)(j - i);
	for (size_t i = 0; i < count; i++) /* insertion sort, unlike what is tested */
		for (size_t j = i; j > 0 && slopes[j] < slopes[j - 1]; j--) {
			double other = slopes[j];

			slopes[j] = slopes[j - 1];
			slopes[j - 1] = other;
		}
	assert_true(slope_of_level(samples, 10, &slope));
	assert_true(is_near(slope.per_s, slopes[22], 1e-12));
	/* These values are less alike than by chance, so that nothing is widened but by the
	 * bias. */
	assert_true(slope.low <= slopes[11] && slope.high >= slopes[33]);
	assert_true(slope.low >= slopes[8] && slope.high <= slopes[36]);
}

/* 0 1 0 1 …, twelve values: S = 21 - 15, and ties of six and six leave it a variance of 156. */
static void test_ties_carry_less(void **state)
{
	struct sample samples[12];
	struct slope slope;

	(void)state;
	for (size_t i = 0; i < 12; i++)
		samples[i] = (struct sample){(double)i, (double)(i % 2)};
	assert_true(slope_of_level(samples, 12, &slope));
	assert_true(is_near(slope.p, erfc(5 / sqrt(156) / M_SQRT2), 1e-9));
	assert_true(slope.low <= 0 && slope.high >= 0);
}

static void test_refusals(void **state)
{
	struct sample samples[] = {{0, 0}, {1, 1}, {1, 2}, {3, 3}, {4, 4}};
	struct slope slope = {.per_s = 42};
	double early, late;

	(void)state;
	assert_false(slope_of_level(samples, 4, &slope));
	assert_false(slope_of_level(samples, 5, &slope)); /* two at one moment */
	assert_false(slope_of_level(NULL, 0, &slope));
	assert_false(slope_of_counter(samples, 1, &slope));
	assert_false(slope_of_counter(samples + 1, 2, &slope));
	assert_false(slope_of_counter(NULL, 0, &slope));
	assert_false(slope_bends(samples, 5, &early, &late));
	assert_true(slope.per_s == 42);
}

/* A fifth of the samples far off does not move it much. */
static void test_outliers(void **state)
{
	struct sample samples[20];
	struct slope slope;

	(void)state;
	chance_seed(3);
	for (size_t i = 0; i < 20; i++)
		samples[i] = (struct sample){(double)i * STEP_S,
					     50 * (double)i * STEP_S + 100 * chance_normal()};
	samples[3].value = samples[9].value = samples[15].value = 1e9;
	samples[7].value = -1e9;
	assert_true(slope_of_level(samples, 20, &slope));
	assert_true(is_near(slope.per_s, 50, 5));
	assert_true(slope.low < 50 && slope.high > 50);
}

static void test_long_series_are_thinned(void **state)
{
	static struct sample samples[100000];
	struct slope slope;

	(void)state;
	chance_seed(4);
	for (size_t i = 0; i < 100000; i++)
		samples[i] = (struct sample){(double)i, 3 * (double)i + 1000 * chance_normal()};
	assert_true(slope_of_level(samples, 100000, &slope));
	assert_true(is_near(slope.per_s, 3, 0.1));
	for (size_t i = 0; i < 100000; i++)
		samples[i].value = 5;
	assert_true(slope_of_level(samples, 100000, &slope));
	assert_true(slope.per_s == 0 && slope.low == 0 && slope.high == 0 && slope.p == 1);
}

/* Noise that remembers `memory` of itself from sample to sample, upon a drift. */
static void make_level(struct sample *samples, size_t count, double memory, double drift_per_s)
{
	double noise = chance_normal();

	for (size_t i = 0; i < count; i++) {
		noise = memory * noise + sqrt(1 - memory * memory) * chance_normal();
		samples[i] = (struct sample){(double)i * STEP_S,
					     100 + noise + drift_per_s * (double)i * STEP_S};
	}
}

struct rates {
	double up; /* share of runs in which it grows for sure */
	double down;
	double covered; /* in which the interval holds the truth */
};

static struct rates try_level(size_t count, double memory, double drift_per_s)
{
	struct rates rates = {0};
	struct sample samples[64];
	struct slope slope;

	for (int run = 0; run < RUNS; run++) {
		make_level(samples, count, memory, drift_per_s);
		assert_true(slope_of_level(samples, count, &slope));
		rates.up += slope.low > 0;
		rates.down += slope.high < 0;
		rates.covered += slope.low <= drift_per_s && drift_per_s <= slope.high;
	}
	rates.up /= RUNS;
	rates.down /= RUNS;
	rates.covered /= RUNS;
	return rates;
}

/* 2.5 % on either side is what 95 % allow; a fifth more for chance in the simulation itself. */
static void test_noise_is_no_growth(void **state)
{
	static const size_t counts[] = {5, 10, 20, 60};

	(void)state;
	chance_seed(5);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct rates white = try_level(counts[i], 0, 0);

		assert_true(white.up <= 0.03 && white.down <= 0.03 && white.covered >= 0.94);
	}
	/* Garbage that piles up over several samples. */
	for (size_t i = 1; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct rates slow = try_level(counts[i], 0.6, 0);

		assert_true(slow.up <= 0.06 && slow.down <= 0.06 && slow.covered >= 0.9);
	}
}

static void test_growth_in_noise_is_found(void **state)
{
	(void)state;
	chance_seed(6);
	/* Over two minutes by ten times the noise's deviation, and by four over ten minutes. */
	assert_true(try_level(20, 0, 10.0 / 120).up >= 0.99);
	assert_true(try_level(20, 0.3, 10.0 / 120).up >= 0.95);
	assert_true(try_level(60, 0, 4.0 / 360).up >= 0.99);
}

/* Collections at any phase, shorter than the series by half: a wave and no growth. */
static void test_sawtooth_is_no_growth(void **state)
{
	static const double periods_s[] = {13, 31, 55};
	struct sample samples[20];
	struct slope slope;

	(void)state;
	chance_seed(7);
	for (size_t i = 0; i < 3; i++) {
		int up = 0;

		for (int run = 0; run < RUNS; run++) {
			double phase = chance() * periods_s[i];

			for (size_t k = 0; k < 20; k++)
				samples[k] = (struct sample){
					(double)k * STEP_S,
					fmod((double)k * STEP_S + phase, periods_s[i]) +
						0.05 * periods_s[i] * chance_normal()};
			assert_true(slope_of_level(samples, 20, &slope));
			up += slope.low > 0;
		}
		assert_true(up <= RUNS / 100);
	}
}

static void make_counter(struct sample *samples, size_t count, double per_s, double batch)
{
	double value = 1000;

	for (size_t i = 0; i < count; i++) {
		samples[i] = (struct sample){(double)i * STEP_S, value};
		value += batch * chance_events(per_s * STEP_S / batch);
	}
}

static void test_counters_are_covered(void **state)
{
	static const size_t counts[] = {2, 3, 5, 10, 40};
	static const double rates[] = {0.02, 0.1, 1, 30};
	struct sample samples[64];
	struct slope slope;

	(void)state;
	chance_seed(8);
	for (size_t i = 0; i < 5 * 4; i++) {
		double per_s = rates[i % 4];
		int covered = 0;

		for (int run = 0; run < RUNS; run++) {
			make_counter(samples, counts[i / 4], per_s, 1);
			assert_true(slope_of_counter(samples, counts[i / 4], &slope));
			covered += slope.low <= per_s && per_s <= slope.high;
		}
		if (covered < RUNS * 93 / 100)
			fail_msg("%zu samples, %g a second: %d", counts[i / 4], per_s, covered);
	}
}

/* Chance makes a steady counter bend in less than one of forty, also one that comes in batches. */
static void test_steady_counters_do_not_bend(void **state)
{
	static const double rates[] = {0.1, 1, 30};
	struct sample samples[64];
	double early, late;

	(void)state;
	chance_seed(9);
	for (size_t i = 0; i < 3 * 2 * 2; i++) {
		int bent = 0;

		for (int run = 0; run < RUNS; run++) {
			size_t count = i / 3 % 2 ? 10 : 40;

			make_counter(samples, count, rates[i % 3], i / 6 ? 10 : 1);
			bent += slope_bends(samples, count, &early, &late);
		}
		assert_true(bent <= RUNS / 40);
	}
}

static void test_saturation_bends(void **state)
{
	struct sample samples[20];
	double early, late;
	int bent = 0;

	(void)state;
	chance_seed(10);
	for (int run = 0; run < RUNS; run++) {
		double value = 0;

		for (size_t i = 0; i < 20; i++) {
			samples[i] = (struct sample){(double)i * STEP_S, value};
			value += chance_events(20 * STEP_S * exp(-(double)i * STEP_S / 60));
		}
		bent += slope_bends(samples, 20, &early, &late);
		assert_true(early > late);
	}
	assert_true(bent >= RUNS * 95 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_exact_interval_of_ten),
		cmocka_unit_test(test_ties_carry_less),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_long_series_are_thinned),
		cmocka_unit_test(test_noise_is_no_growth),
		cmocka_unit_test(test_growth_in_noise_is_found),
		cmocka_unit_test(test_sawtooth_is_no_growth),
		cmocka_unit_test(test_counters_are_covered),
		cmocka_unit_test(test_steady_counters_do_not_bend),
		cmocka_unit_test(test_saturation_bends),
	};

	return cmocka_run_group_tests_name("slope", tests, NULL, NULL);
}
