/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts over simulated containers: leaks at every age, what is measured by bytes, and what says
 * too little. What must never happen is counted to zero; what chance may do has its share.
 */
#include "chance.h"
#include "trials.h"

static void test_leak_and_its_figures(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_even(&trial, 32, 3.5 * DAY, 1);
	trial.history.watched_s = 20;
	trial.history.grown = trial.history.by_first = 640;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial,
		      "+1,920 entries/min, none leaves, all 640 insertions seen in 20 s came "
		      "from this line; its size is its rate x uptime");
	assert_true(fabs(trial.finding.rate.value - 32 * 500 * HOUR) < 1);
	assert_true(trial.finding.rate.low <= trial.finding.rate.value);
	assert_true(trial.finding.rate.high >= trial.finding.rate.value);
	assert_int_equal(trial.finding.holds_bytes, trial.samples[LOOKS - 1].bytes);
	assert_int_equal(trial.finding.evidence, EVIDENCE_MEMORY | EVIDENCE_WATCH);
	trial_end(&trial, &tally);
}

/* Of one length all the time; 200 bytes more each second of its life. */
static void trial_bytes(struct trial *trial, double length, double uptime_s)
{
	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(trial, length);
		trial->samples[i].bytes = (uint64_t)(200 * (uptime_s + (double)i * STEP_S));
	}
}

/* One value that is replaced by longer ones: nothing enters it or leaves it. */
static void test_value_that_is_replaced(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_bytes(&trial, 1, DAY);
	trial.history.of_value = trial.history.stays = true;
	trial.history.watched_s = 20;
	trial.history.grown = trial.history.by_first = 640;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial,
		      "+12.0 kB/min, never shorter, all 640 replacements seen in 20 s came from "
		      "this line; its size is its rate x uptime");
	trial_end(&trial, &tally);
}

static void judge_even(double per_s, double uptime_s, double factor, enum verdict expected,
		       const char *reason)
{
	struct trial trial;
	struct tally tally = {0};

	trial_even(&trial, per_s, uptime_s, factor);
	trial_judge(&trial);
	if (trial.verdict != expected)
		fail_msg("%s: %s", verdict_name(trial.finding.verdict), trial.finding.reason);
	assert_reason(&trial, reason);
	trial_end(&trial, &tally);
}

static void test_leak_needs_age_and_proportion(void **state)
{
	(void)state;
	judge_even(10, DAY, 1, VERDICT_LEAK,
		   "+600 entries/min, none leaves; its size is its rate x uptime");
	judge_even(10, 1.01 * HOUR, 1, VERDICT_LEAK,
		   "+600 entries/min, none leaves; its size is its rate x uptime");
	judge_even(10, 0.9 * HOUR, 1, VERDICT_GROWS,
		   "+600 entries/min, none leaves; up only 54 min: too young to tell it from a "
		   "cache");
	judge_even(10, DAY, 1.8, VERDICT_LEAK,
		   "+600 entries/min, none leaves; its size is 0.6 times its rate x uptime");
	judge_even(10, DAY, 1 / 1.8, VERDICT_LEAK,
		   "+600 entries/min, none leaves; its size is 1.8 times its rate x uptime");
	judge_even(10, DAY, 3, VERDICT_GROWS,
		   "+600 entries/min, none leaves; its size is 0.3 times its rate x uptime");
	judge_even(10, DAY, 1.0 / 3, VERDICT_GROWS,
		   "+600 entries/min, none leaves; its size is 3.0 times its rate x uptime");
	judge_even(10, DAY, 1.0 / 40, VERDICT_FILLING_CACHE,
		   "+600 entries/min now, +24,001 entries/min over its life: it fills up");
}

static void test_age_of_the_container_and_history(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_even(&trial, 10, 2 * HOUR, 1);
	trial.history.uptime_s = 30 * DAY;
	trial.history.age_s = 2 * HOUR;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial, "+600 entries/min, none leaves; its size is its rate x age");
	trial_end(&trial, &tally);
	trial_even(&trial, 10, 30 * DAY, 3);
	trial.history.steady_s = 5 * HOUR;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial, "+600 entries/min, none leaves; so for 5.0 h");
	trial_end(&trial, &tally);
}

static void test_slow_leak(void **state)
{
	struct tally tally = {0};

	(void)state;
	chance_seed(1);
	for (int run = 0; run < RUNS; run++) {
		struct trial trial;
		double length = 1 * 3.5 * DAY;

		trial_begin(&trial, 3.5 * DAY);
		for (size_t i = 0; i < LOOKS; i++, length += chance_events(STEP_S))
			trial_add(&trial, length);
		trial_judge(&trial);
		trial_end(&trial, &tally);
	}
	assert_share(&tally, VERDICT_LEAK, 0.97, 1);
	assert_share(&tally, NONE, 0, 0);
}

/* Load that goes up and down by two thirds over the day: never taken for a cache or for nothing. */
static void test_leak_under_a_wave_of_load(void **state)
{
	struct tally tally = {0};

	(void)state;
	chance_seed(2);
	for (int run = 0; run < RUNS; run++) {
		struct trial trial;
		double hour = chance() * 24, length = 5 * 3.5 * DAY;
		double per_s = 5 * (1 + 0.66 * sin(hour / 24 * 2 * M_PI));

		trial_begin(&trial, 3.5 * DAY);
		for (size_t i = 0; i < LOOKS; i++, length += chance_events(per_s * STEP_S))
			trial_add(&trial, length);
		trial_judge(&trial);
		trial_end(&trial, &tally);
	}
	assert_share(&tally, VERDICT_LEAK, 0.6, 1);
	assert_share(&tally, VERDICT_FILLING_CACHE, 0, 0.02);
	assert_share(&tally, NONE, 0, 0);
}

/* Lists of a fixed number whose entries grow: bytes stand for the length. */
static void test_bytes_grow_at_one_length(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_bytes(&trial, 12, 10 * HOUR);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial, "+12.0 kB/min, none leaves; its size is its rate x uptime");
	assert_true(fabs(trial.finding.rate.value - 200 * HOUR) < 1);
	trial_end(&trial, &tally);
}

/* What was in it at one look was gone at the next: a few looks at some height each tell nothing,
 * many looks at a level that rises do. */
static void test_what_turns_over_is_a_level(void **state)
{
	static const double heights[] = {85, 300, 511};
	struct trial trial;

	(void)state;
	trial_begin(&trial, 60);
	for (size_t i = 0; i < sizeof(heights) / sizeof(*heights); i++)
		trial_add_at(&trial, (double)i * 20, heights[i]);
	trial.history.stays = true;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	trial.history.turns_over = true;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_release(&trial);
	trial_begin(&trial, 60);
	trial.history.turns_over = true;
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, 100 + 30 * (double)i);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	trial_release(&trial);
}

static void test_too_little_is_nothing(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, DAY);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_add(&trial, 100);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_add(&trial, 100);
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_end(&trial, &tally);
	/* One look, and then only the watch. */
	trial_begin(&trial, DAY);
	trial_add(&trial, 864000);
	trial.history.watched_s = 20;
	trial.history.grown = trial.history.by_first = 200;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_int_equal(trial.finding.evidence, EVIDENCE_WATCH);
	trial_end(&trial, &tally);
}

static void test_wild_numbers(void **state)
{
	struct tally tally = {0};

	(void)state;
	chance_seed(7);
	for (int run = 0; run < 20 * RUNS; run++) {
		struct trial trial;

		trial_begin(&trial, chance() < 0.1 ? 1e300 : chance() * 1e6);
		for (size_t i = 0; i < 12; i++) {
			trial_add(&trial, 0);
			trial.samples[i].at_s = chance() < 0.05 ? -1e300 : (double)i;
			trial.samples[i].length = (uint64_t)(chance() * 1.8e19) >> (run % 64);
			trial.samples[i].bytes = (uint64_t)(chance() * 1.8e19) >> (run % 61);
			trial.samples[i].hits = (uint64_t)(chance() * 1.8e19) >> (run % 59);
			trial.samples[i].misses = trial.samples[i].hits ^ 5;
		}
		trial.history.bound = run % 3 ? LOOK_UNKNOWN : trial.samples[3].length;
		trial.history.watched_s = chance() < 0.5 ? 0 : chance();
		trial.history.grown = trial.samples[4].hits;
		trial.history.shrunk = trial.samples[5].hits;
		trial_judge(&trial);
		trial_end(&trial, &tally);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak_and_its_figures),
		cmocka_unit_test(test_value_that_is_replaced),
		cmocka_unit_test(test_leak_needs_age_and_proportion),
		cmocka_unit_test(test_age_of_the_container_and_history),
		cmocka_unit_test(test_slow_leak),
		cmocka_unit_test(test_leak_under_a_wave_of_load),
		cmocka_unit_test(test_bytes_grow_at_one_length),
		cmocka_unit_test(test_what_turns_over_is_a_level),
		cmocka_unit_test(test_too_little_is_nothing),
		cmocka_unit_test(test_wild_numbers),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
