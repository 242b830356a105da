/* SPDX-License-Identifier: BSD-2-Clause */
/* What is cleared again and again, and whether more is left each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analyze/rising.h"
#include "chance.h"

enum { SAMPLES = 120, RUNS = 400 };

/* Entries come each second, `stay` of them for good; most of the others
 * leave at once each `period`. */
static size_t simulate(struct sample samples[SAMPLES], double come, double stay, double kept,
		       int period)
{
	double others = 0;

	for (int i = 0; i < SAMPLES; i++) {
		kept += chance_events(stay);
		others = i % period ? others + chance_events(come) : chance_events(come / 2);
		samples[i] = (struct sample){i, kept + others};
	}
	return SAMPLES;
}

static void test_what_stays_is_its_growth(void **state)
{
	struct sample samples[SAMPLES];
	size_t found = 0;

	(void)state;
	chance_seed(5);
	for (int run = 0; run < RUNS; run++) {
		size_t count = simulate(samples, 100, 4, 50, 12);
		struct rising rising;

		if (!rising_find(samples, count, &rising))
			continue;
		found++;
		assert_true(rising.slope.per_s > 2 && rising.slope.per_s < 6);
		assert_true(rising.clears >= 8 && rising.clears <= 10);
		assert_true(rising.left > 300 && rising.left < 700);
	}
	assert_true(found > RUNS * 9 / 10);
}

/* What is left by chance goes up as often as down. */
static void test_what_is_cleared_stays_a_sawtooth(void **state)
{
	static const int periods[] = {2, 5, 12, 20, 40};
	struct sample samples[SAMPLES];
	size_t found = 0;

	(void)state;
	chance_seed(6);
	for (int run = 0; run < RUNS; run++) {
		size_t count = simulate(samples, 10 + run % 90, 0, run % 7 * 50, periods[run % 5]);
		struct rising rising;

		found += rising_find(samples, count, &rising);
	}
	assert_true(found <= RUNS / 50);
}

static void test_too_few_clearings_tell_nothing(void **state)
{
	struct sample samples[SAMPLES];
	struct rising rising = {.clears = 77};

	(void)state;
	chance_seed(7);
	assert_false(rising_find(samples, simulate(samples, 100, 4, 50, 40), &rising));
	assert_false(rising_find(samples, 0, &rising));
	assert_int_equal(rising.clears, 77);
}

/* Falls that are small beside its growth are none of its clearings. */
static void test_what_only_grows_is_not_cleared(void **state)
{
	struct sample samples[SAMPLES];
	struct rising rising;

	(void)state;
	for (int i = 0; i < SAMPLES; i++)
		samples[i] = (struct sample){i, 100 * i - (i % 10 ? 0 : 50)};
	assert_false(rising_find(samples, SAMPLES, &rising));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_stays_is_its_growth),
		cmocka_unit_test(test_what_is_cleared_stays_a_sawtooth),
		cmocka_unit_test(test_too_few_clearings_tell_nothing),
		cmocka_unit_test(test_what_only_grows_is_not_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
