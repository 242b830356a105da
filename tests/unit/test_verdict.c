// SPDX-License-Identifier: BSD-2-Clause
/*
 * Verdicts over simulated containers: leaks, caches of every kind at every age, queues that come
 * and go. What must never happen is counted to zero; what chance may do has its share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "trial.h"

enum { RUNS = 300, LOOKS = 20, STEP_S = 6 };

#define HOUR 3600.0
#define DAY  86400.0

/* How many runs had each verdict. */
struct tally {
	unsigned int count[VERDICT_COUNT + 1];
};

static void trial_add(struct trial *trial, double length)
{
	trial_add_at(trial, (double)trial->history.count * STEP_S, length);
}

static void trial_end(struct trial *trial, struct tally *tally)
{
	tally->count[trial->verdict]++;
	trial_release(trial);
}

static void assert_share(const struct tally *tally, enum verdict verdict, double least, double most)
{
	unsigned int all = 0;

	for (size_t i = 0; i <= VERDICT_COUNT; i++)
		all += tally->count[i];
	double share = (double)tally->count[verdict] / all;

	if (share >= least && share <= most)
		return;
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		print_message("%u %s, ", tally->count[i], verdict_name(i));
	fail_msg("%u none: %s not within %g and %g", tally->count[NONE],
		 verdict == NONE ? "none" : verdict_name(verdict), least, most);
}

static void assert_reason(const struct trial *trial, const char *reason)
{
	if (strcmp(trial->finding.reason, reason))
		fail_msg("\"%s\", not \"%s\"", trial->finding.reason, reason);
}

/* Grows evenly, as fast as its size and age say times `factor`. */
static void trial_even(struct trial *trial, double per_s, double uptime_s, double factor)
{
	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(trial, per_s * (uptime_s / factor + (double)i * STEP_S));
}

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

/* One value that is replaced by longer ones: nothing enters it or leaves it. */
static void test_value_that_is_replaced(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, DAY);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(&trial, 1);
		trial.samples[i].bytes = (uint64_t)(200 * (DAY + (double)i * STEP_S));
	}
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

/* Entries live for `ttl_s`; the cache has been filled evenly by chance since the start. */
static void trial_ttl(struct trial *trial, double per_s, double ttl_s, double uptime_s)
{
	double aged = uptime_s > ttl_s ? ttl_s : uptime_s;
	double length = chance_events(per_s * aged);

	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(trial, length);
		length += chance_events(per_s * STEP_S);
		if (uptime_s + (double)i * STEP_S > ttl_s)
			length -= fmin(length, chance_events(per_s * STEP_S));
	}
}

static void test_ttl_cache_is_no_leak(void **state)
{
	static const double uptimes_s[] = {60,          600,      0.5 * HOUR, 0.97 * HOUR,
					   1.05 * HOUR, 3 * HOUR, DAY};
	static const double rates[] = {0.3, 2, 30};
	struct tally tally = {0};

	(void)state;
	chance_seed(3);
	for (size_t i = 0; i < 7 * 3 * 2; i++) {
		for (int run = 0; run < RUNS / 3; run++) {
			struct trial trial;

			trial_ttl(&trial, rates[i % 3], i / 21 ? HOUR : 60, uptimes_s[i / 3 % 7]);
			trial_judge(&trial);
			trial_end(&trial, &tally);
		}
	}
	assert_share(&tally, VERDICT_LEAK, 0, 0);
}

/*
 * lru_cache(None) over `keys` equally wanted keys, asked `asked_per_s` times a second since the
 * start. With `counts` it counts hits and misses.
 */
static void trial_finite(struct trial *trial, double keys, double asked_per_s, double uptime_s,
			 bool counts)
{
	double length = floor(keys * (1 - exp(-asked_per_s * uptime_s / keys)));
	double asked = asked_per_s * uptime_s;

	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(trial, length);
		if (counts) {
			trial->samples[i].misses = (uint64_t)length;
			trial->samples[i].hits = (uint64_t)fmax(asked - length, 0);
		}
		double now = chance_events(asked_per_s * STEP_S);

		asked += now;
		length += chance_events(now * (1 - length / keys));
		length = fmin(length, keys);
	}
}

static void test_cache_of_finite_keys_is_no_leak(void **state)
{
	static const double uptimes_s[] = {300,      0.5 * HOUR, 1.1 * HOUR,
					   3 * HOUR, 12 * HOUR,  4 * DAY};
	static const double fills[] = {0.1, 0.5, 1, 2, 5};
	struct tally all = {0}, bent = {0};

	(void)state;
	chance_seed(4);
	for (size_t i = 0; i < 6 * 5 * 2; i++) {
		double uptime_s = uptimes_s[i % 6], fill = fills[i / 6 % 5];
		double asked_per_s = i / 30 ? 5 : 60;

		for (int run = 0; run < RUNS / 10; run++) {
			struct trial trial;

			/* `fill` lifetimes of it have passed */
			trial_finite(&trial, asked_per_s * uptime_s / fill, asked_per_s, uptime_s,
				     true);
			trial_judge(&trial);
			trial_end(&trial, fill >= 1 && asked_per_s > 50 ? &bent : &all);
		}
	}
	assert_share(&all, VERDICT_LEAK, 0, 0);
	assert_share(&bent, VERDICT_LEAK, 0, 0);
	assert_share(&bent, VERDICT_FILLING_CACHE, 0.98, 1);
}

/* A dict of one's own counts no hits: what saturates early in its life shows by its life. */
static void test_memo_of_finite_keys(void **state)
{
	struct tally tally = {0};

	(void)state;
	chance_seed(5);
	for (int run = 0; run < RUNS; run++) {
		struct trial trial;

		trial_finite(&trial, 20 * 5 * HOUR / (3.5 + 2 * chance()), 20, 5 * HOUR, false);
		trial_judge(&trial);
		trial_end(&trial, &tally);
	}
	assert_share(&tally, VERDICT_LEAK, 0, 0);
	assert_share(&tally, VERDICT_FILLING_CACHE, 0.9, 1);
}

/* Never hit, as one on a method: grows for sure, but what counts hits is not called a leak. */
static void test_cache_that_is_never_hit(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_even(&trial, 30, DAY, 1);
	for (size_t i = 0; i < LOOKS; i++) {
		trial.samples[i].misses = trial.samples[i].length;
		trial.samples[i].hits = 3;
	}
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	assert_reason(&trial, "+1,800 entries/min, none leaves; a cache without a bound");
	trial_end(&trial, &tally);
}

static void test_bounds(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_even(&trial, 0.9, 8800 / 0.9, 1);
	trial.history.bound = 10000;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_FILLING_CACHE);
	assert_reason(&trial, "8,902 of 10,000 entries: full in 20 min, then 5.0 MB");
	trial_end(&trial, &tally);
	/* Full: no finding, however long and whatever its bytes do. */
	trial_begin(&trial, DAY);
	trial.history.bound = 10000;
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, 10000);
	trial.samples[LOOKS - 1].bytes += 5000;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_end(&trial, &tally);
	trial_even(&trial, 10, DAY, 1);
	trial.history.bound = 0;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, NONE);
	trial_end(&trial, &tally);
}

/* Sessions that come and go: chance lets some of them grow over two minutes, but nothing is a
 * leak. */
static void test_stationary_containers(void **state)
{
	struct tally tally = {0};

	(void)state;
	chance_seed(6);
	for (int run = 0; run < 10 * RUNS; run++) {
		struct trial trial;
		double mean = run % 2 ? 500 : 20, stay_s = 30;
		double length = chance_events(mean);

		trial_begin(&trial, 3.5 * DAY);
		for (size_t i = 0; i < LOOKS; i++) {
			trial_add(&trial, length);
			length += chance_events(mean / stay_s * STEP_S);
			length -= fmin(length, chance_events(length * (1 - exp(-STEP_S / stay_s))));
		}
		trial_judge(&trial);
		trial_end(&trial, &tally);
	}
	assert_share(&tally, VERDICT_LEAK, 0, 0);
	assert_share(&tally, VERDICT_GROWS, 0, 0);
	assert_share(&tally, VERDICT_FILLING_CACHE, 0, 0.03);
}

static void test_sawtooth(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, DAY);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, (double)(i % 7 * 100 + 12));
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_SAWTOOTH);
	assert_reason(&trial, "between 12 and 612 entries, cleared 2 times in 114 s");
	assert_true(trial.finding.rate.value == 0 && trial.finding.rate.low < 0);
	trial_end(&trial, &tally);
}

static void test_churn_is_seen_by_the_watch(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, DAY);
	for (size_t i = 0; i < 3; i++)
		trial_add(&trial, 100);
	trial.history.watched_s = 20;
	trial.history.grown = 640;
	trial.history.shrunk = 633;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_CHURN);
	assert_reason(&trial, "comes and goes, 633 left while 640 came in 20 s");
	trial_end(&trial, &tally);
}

/* A line that empties it makes it a cache, unless it has outgrown that all its life. */
static void test_what_is_emptied(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_even(&trial, 10, 10 * DAY, 1.0 / 3);
	trial.history.watched_s = 20;
	trial.history.grown = 300;
	trial.history.shrunk = 100;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_FILLING_CACHE);
	assert_reason(&trial, "+600 entries/min, 100 left while 300 came in 20 s");
	trial_end(&trial, &tally);
	trial_even(&trial, 10, 10 * DAY, 1);
	trial.history.emptied = true;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_GROWS);
	assert_reason(&trial, "+600 entries/min, others leave; its size is its rate x uptime");
	trial_end(&trial, &tally);
}

static void test_falls_between_looks_are_seen(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, 2 * DAY);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, 3000 + (double)i * 10 - (i % 5 == 4 ? 15 : 0));
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_FILLING_CACHE);
	assert_non_null(strstr(trial.finding.reason, ", others leave"));
	trial_end(&trial, &tally);
}

static void judge_saturating(double uptime_s, enum verdict expected)
{
	struct trial trial;
	struct tally tally = {0};

	trial_begin(&trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, 5000 * (1 - exp(-(double)i * STEP_S / 40)));
	trial_judge(&trial);
	assert_int_equal(trial.verdict, expected);
	trial_end(&trial, &tally);
}

static void test_bends(void **state)
{
	(void)state;
	judge_saturating(130, VERDICT_WARM_UP);
	judge_saturating(DAY, VERDICT_FILLING_CACHE);
}

/* Lists of a fixed number whose entries grow: bytes stand for the length. */
static void test_bytes_grow_at_one_length(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, 10 * HOUR);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(&trial, 12);
		trial.samples[i].bytes = (uint64_t)(200 * (10 * HOUR + (double)i * STEP_S));
	}
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_LEAK);
	assert_reason(&trial, "+12.0 kB/min, none leaves; its size is its rate x uptime");
	assert_true(fabs(trial.finding.rate.value - 200 * HOUR) < 1);
	trial_end(&trial, &tally);
}

/* What was in it at one look was gone at the next: a few looks at some height each tell nothing, many
 * looks at a level that rises do. */
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
		cmocka_unit_test(test_ttl_cache_is_no_leak),
		cmocka_unit_test(test_cache_of_finite_keys_is_no_leak),
		cmocka_unit_test(test_memo_of_finite_keys),
		cmocka_unit_test(test_cache_that_is_never_hit),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_stationary_containers),
		cmocka_unit_test(test_sawtooth),
		cmocka_unit_test(test_churn_is_seen_by_the_watch),
		cmocka_unit_test(test_what_is_emptied),
		cmocka_unit_test(test_falls_between_looks_are_seen),
		cmocka_unit_test(test_bends),
		cmocka_unit_test(test_bytes_grow_at_one_length),
		cmocka_unit_test(test_what_turns_over_is_a_level),
		cmocka_unit_test(test_too_little_is_nothing),
		cmocka_unit_test(test_wild_numbers),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
