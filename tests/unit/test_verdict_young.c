/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts on young processes and on short series: what a process takes in when it starts is no
 * leak, and neither is what only chance made longer.
 */
#include "chance.h"
#include "trial.h"

enum { RUNS = 300, LOOKS = 60, STEP_S = 2 };

/* Modules, patterns, templates: all at once when the first requests come, and nothing after. */
static void test_taken_in_at_once(void **state)
{
	struct trial trial;

	(void)state;
	trial_begin(&trial, 130);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add_at(&trial, (double)i * STEP_S, i < 3 ? 40 : 120);
	trial_judge(&trial);
	assert_string_equal(trial.finding.reason,
			    "+80 entries, none in the last 112 s, up only 2 min");
	assert_int_equal(trial.verdict, VERDICT_WARM_UP);
	trial.history.uptime_s = 90000; /* who knows what comes once a day */
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	trial_release(&trial);
}

/* Looks alone, as of what is counted by them. */
static void test_taken_in_between_two_looks(void **state)
{
	struct trial trial;

	(void)state;
	trial_begin(&trial, 130);
	trial.history.stays = true;
	trial_add_at(&trial, 0, 300);
	trial_add_at(&trial, 15, 390);
	trial_add_at(&trial, 120, 390);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_WARM_UP);
	trial_release(&trial);
}

/* What was loaded at the start and gets a few more, ever more seldom. */
static void test_loaded_at_start(void **state)
{
	static const unsigned int at[] = {3, 7, 10, 14, 19, 26, 33, 45};
	struct trial trial;
	double length = 900;

	(void)state;
	trial_begin(&trial, 130);
	for (size_t i = 0, next = 0; i < LOOKS; i++) {
		if (next < sizeof(at) / sizeof(*at) && i == at[next])
			next += length++ > 0;
		trial_add_at(&trial, (double)i * STEP_S, length);
	}
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_WARM_UP);
	assert_string_equal(trial.finding.reason,
			    "+4.1 entries/min now, +419 entries/min over its life, up only 2 min");
	trial_release(&trial);
}

/* The same size at the start, and a leak on top of it: steady, so it stays accused. */
static void test_leak_on_what_was_loaded(void **state)
{
	unsigned int accused = 0;

	(void)state;
	chance_seed(31);
	for (int run = 0; run < RUNS; run++) {
		struct trial trial;
		double length = 3000;

		trial_begin(&trial, 130);
		for (size_t i = 0; i < LOOKS; i++, length += chance_events(1 * STEP_S))
			trial_add_at(&trial, (double)i * STEP_S, length);
		trial_judge(&trial);
		accused += trial.verdict == VERDICT_GROWS;
		trial_release(&trial);
	}
	assert_true(accused >= 0.93 * RUNS);
}

/* A cache with a time to live that was seen at a few looks only, and by chance got longer at each:
 * what varies by the root of its size is no growth. What only comes is. */
static void test_few_looks(void **state)
{
	struct trial trial;

	(void)state;
	trial_begin(&trial, 900);
	for (size_t i = 0; i < 6; i++)
		trial_add_at(&trial, (double)i * 20, 880 + 5 * (double)i);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial.history.stays = true;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	trial_release(&trial);
	trial_begin(&trial, 900);
	for (size_t i = 0; i < 6; i++)
		trial_add_at(&trial, (double)i * 20, 880 + 50 * (double)i);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	trial_release(&trial);
}

/* Keys that repeat, from the first look-up on: counted from when there are some. */
static void judge_keys(double keys, enum verdict expected)
{
	unsigned int right = 0;

	chance_seed(32);
	for (int run = 0; run < RUNS; run++) {
		struct trial trial;
		double length = 0, lookups = 0, hits = 0, misses = 0;

		trial_begin(&trial, 130);
		for (size_t i = 0; i < LOOKS; i++) {
			trial_add_at(&trial, (double)i * STEP_S, length);
			if (i == 7 || i == LOOKS - 1) { /* counted at looks */
				misses = length;
				hits = lookups - length;
			}
			/* what was there before is told with what the first look counted */
			for (size_t j = i == 7 ? 0 : i; j <= i; j++) {
				trial.samples[j].misses = (uint64_t)misses;
				trial.samples[j].hits = (uint64_t)hits;
			}
			for (double n = chance_events(15 * STEP_S); n >= 1; n--, lookups++)
				length += chance() * keys >= length;
		}
		trial_judge(&trial);
		right += trial.verdict == expected;
		trial_release(&trial);
	}
	assert_true(right >= 0.95 * RUNS);
}

static void test_keys_come_to_an_end(void **state)
{
	(void)state;
	judge_keys(5000, VERDICT_FILLING_CACHE);
	judge_keys(1e9, VERDICT_GROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_in_at_once),
		cmocka_unit_test(test_taken_in_between_two_looks),
		cmocka_unit_test(test_loaded_at_start),
		cmocka_unit_test(test_leak_on_what_was_loaded),
		cmocka_unit_test(test_few_looks),
		cmocka_unit_test(test_keys_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
