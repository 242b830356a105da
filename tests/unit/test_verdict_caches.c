/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Verdicts over simulated containers that are no leak: caches of every kind at every age, queues
 * that come and go. What must never happen is counted to zero; what chance may do has its share.
 */
#include "chance.h"
#include "trials.h"

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

/* Its keys came to an end: it will never be full. */
static void test_a_bound_that_is_not_reached_any_more(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	trial_begin(&trial, 60);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(&trial, 300 + fmin((double)i * STEP_S * 40, 600));
	trial.history.bound = 1000;
	trial_judge(&trial);
	assert_int_equal(trial.verdict, VERDICT_FILLING_CACHE);
	assert_reason(&trial, "900 of 1,000 entries, none new in the later half of the watch");
	trial_end(&trial, &tally);
}

/* What it grew by until then is a part of the growth, and nobody else's;
 * not where that was at once. */
static void test_a_bound_that_is_reached_in_the_watch(void **state)
{
	struct trial trial;
	struct tally tally = {0};

	(void)state;
	for (size_t full = 3; full <= 15; full += 12) {
		trial_begin(&trial, 60);
		for (size_t i = 0; i < LOOKS; i++)
			trial_add(&trial, 300 + fmin((double)i, (double)full) * 10);
		trial.history.bound = 300 + full * 10;
		trial_judge(&trial);
		assert_int_equal(trial.verdict, full > 3 ? VERDICT_FILLING_CACHE : NONE);
		if (full > 3)
			assert_reason(&trial, "full with 450 entries for the last 24 s");
		trial_end(&trial, &tally);
	}
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

/* `per_s` come; half are gone after `half_s`, and of those that do not
 * go `stay_s` come a second. */
static void trial_leaving(struct trial *trial, double per_s, double half_s, double stay_s,
			  double uptime_s)
{
	double life_s = half_s / log(2), watched_s = 10;

	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		double age_s = uptime_s - (LOOKS - 1 - (double)i) * STEP_S;
		double passing = per_s * life_s * (1 - exp(-age_s / life_s));

		trial_add(trial, floor(passing + stay_s * age_s));
		trial->history.shrunk = (uint64_t)(passing / life_s * watched_s);
	}
	trial->history.watched_s = watched_s;
	trial->history.grown = (uint64_t)((per_s + stay_s) * watched_s);
}

/* Of what comes and leaves all the time some stay: a leak, young as it is. A cache whose entries
 * live for some time is told from it by what it has taken in before. */
static void test_some_that_stay(void **state)
{
	static const double uptimes_s[] = {200, 600, 0.9 * HOUR};
	static const double lives[] = {0.1, 0.2, 0.3, 0.5, 1, 3};
	struct trial trial;
	struct tally forgetful = {0}, caches = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		trial_leaving(&trial, 300, 0.5, 10, uptimes_s[i]);
		trial_judge(&trial);
		assert_non_null(strstr(trial.finding.reason, "some stay, as many all the time"));
		trial_end(&trial, &forgetful);
		for (size_t j = 0; j < 6; j++) {
			trial_leaving(&trial, 300, lives[j] * uptimes_s[i], 0, uptimes_s[i]);
			trial_judge(&trial);
			trial_end(&trial, &caches);
		}
	}
	assert_share(&forgetful, VERDICT_GROWS, 1, 1);
	assert_share(&caches, VERDICT_GROWS, 0, 0);
	assert_share(&caches, VERDICT_LEAK, 0, 0);
}

/* By chance: of `per_s` that come some stay for good, the others leave after a second or two; or
 * all live for some time. Until `uptime_s` as it is to be expected, then for so many looks. */
static void trial_by_chance(struct trial *trial, double per_s, double staying, double life_s,
			    double uptime_s)
{
	double leaving = per_s * (1 - staying), before_s = uptime_s - (LOOKS - 1) * STEP_S;
	double kept = chance_events(per_s * staying * before_s);
	double passing = chance_events(leaving * life_s * (1 - exp(-before_s / life_s)));

	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++) {
		trial_add(trial, kept + passing);
		double gone = fmin(chance_events(passing * (1 - exp(-STEP_S / life_s))), passing);
		double soon = chance_events(leaving * STEP_S * fmax(1 - life_s / STEP_S, 0));
		double came = chance_events(leaving * STEP_S) - soon;

		kept += chance_events(per_s * staying * STEP_S);
		passing += fmax(came, 0) - gone;
		trial->history.shrunk += (uint64_t)(gone + soon);
	}
	trial->history.watched_s = LOOKS * STEP_S;
}

static void judge_by_chance(struct tally *tally, double per_s, double staying, double life_share,
			    double uptime_s)
{
	struct trial trial;

	trial_by_chance(&trial, per_s, staying, staying > 0 ? 1.5 : life_share * uptime_s,
			uptime_s);
	trial_judge(&trial);
	trial_end(&trial, tally);
}

/* Half of what comes leaves soon, the other half never; and caches of
 * which as much leaves as stays. */
static void test_half_that_stays(void **state)
{
	static const double uptimes_s[] = {200, 600, 0.9 * HOUR};
	static const double rates[] = {4, 30};
	struct tally halves[2] = {0}, tenths = {0}, caches = {0};

	(void)state;
	chance_seed(7);
	for (size_t i = 0; i < 6 * RUNS / 3; i++) {
		double uptime_s = uptimes_s[i % 3], per_s = rates[i / 3 % 2];

		judge_by_chance(&halves[i / 3 % 2], per_s, 0.5, 0, uptime_s);
		judge_by_chance(&tenths, 10 * per_s, 0.1, 0, uptime_s);
		judge_by_chance(&caches, per_s, 0, 0.7 + 1.3 * chance(), uptime_s);
	}
	assert_share(&halves[0], VERDICT_GROWS, 0.95, 1); /* some 200 stay in two minutes */
	assert_share(&halves[1], VERDICT_GROWS, 0.99, 1);
	assert_share(&tenths, VERDICT_GROWS, 0.9, 1);
	assert_share(&caches, VERDICT_GROWS, 0, 0.01);
	assert_share(&caches, VERDICT_LEAK, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ttl_cache_is_no_leak),
		cmocka_unit_test(test_cache_of_finite_keys_is_no_leak),
		cmocka_unit_test(test_memo_of_finite_keys),
		cmocka_unit_test(test_cache_that_is_never_hit),
		cmocka_unit_test(test_a_bound_that_is_reached_in_the_watch),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_a_bound_that_is_not_reached_any_more),
		cmocka_unit_test(test_stationary_containers),
		cmocka_unit_test(test_sawtooth),
		cmocka_unit_test(test_churn_is_seen_by_the_watch),
		cmocka_unit_test(test_what_is_emptied),
		cmocka_unit_test(test_some_that_stay),
		cmocka_unit_test(test_half_that_stays),
		cmocka_unit_test(test_falls_between_looks_are_seen),
		cmocka_unit_test(test_bends),
	};

	return cmocka_run_group_tests_name("verdicts on caches", tests, NULL, NULL);
}
