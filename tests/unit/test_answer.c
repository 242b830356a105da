/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers: what is explained and what is not, when it is full, and many workers as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "analyze/answer.h"
#include "analyze/slope.h"
#include "chance.h"

#define MB 1e6

static struct rate rate_of(double value, double reach)
{
	return (struct rate){value * MB, (value - reach) * MB, (value + reach) * MB};
}

static struct finding finding_of(enum verdict verdict, double value, double reach)
{
	return (struct finding){.verdict = verdict, .rate = rate_of(value, reach)};
}

/* Of 15 MB/h, with so much explained. */
static struct answer *answer_with(const struct finding *findings, size_t count)
{
	struct answer *answer = answer_new();

	answer->growth_known = true;
	answer->growth = rate_of(15, 1);
	answer->resident_bytes = 1420 * 1000000ull;
	answer_set_findings(answer, findings, count);
	return answer;
}

static void test_findings_are_sorted_and_summed(void **state)
{
	struct finding findings[] = {
		finding_of(VERDICT_FILLING_CACHE, 1, 0.1), finding_of(VERDICT_KEPT, 3, 0.1),
		finding_of(VERDICT_LEAK, 9, 0.3),          finding_of(VERDICT_SAWTOOTH, 0, 7),
		finding_of(VERDICT_CHURN, 0.5, 0.7),
	};
	struct answer *answer = answer_with(findings, 5);

	(void)state;
	assert_int_equal(answer->finding_count, 6);
	assert_int_equal(answer->findings[0].verdict, VERDICT_LEAK);
	assert_int_equal(answer->findings[1].verdict, VERDICT_KEPT);
	assert_int_equal(answer->findings[2].verdict, VERDICT_FILLING_CACHE);
	assert_int_equal(answer->findings[5].verdict, VERDICT_UNEXPLAINED);
	assert_true(answer->explained == 10 * MB);
	/* 15 - 10, within the root of 1 + 0.09 + 0.01 */
	assert_true(fabs(answer->findings[5].rate.value - 5 * MB) < 1);
	assert_true(fabs(answer->findings[5].rate.high - (5 + sqrt(1.1)) * MB) < 1);
	answer_free(answer);
}

/* Free memory that swings is not put before a leak that is sure. */
static void test_kept_stands_by_what_is_sure(void **state)
{
	struct finding findings[] = {
		finding_of(VERDICT_KEPT, 8, 7),
		finding_of(VERDICT_GROWS, 3, 0.1),
	};
	struct answer *answer = answer_with(findings, 2);

	(void)state;
	assert_int_equal(answer->findings[0].verdict, VERDICT_GROWS);
	answer_free(answer);
	findings[0].rate.low = 4 * MB;
	answer = answer_with(findings, 2);
	assert_int_equal(answer->findings[0].verdict, VERDICT_KEPT);
	answer_free(answer);
}

/* Nor is what comes and goes, of which more is there than before by chance. */
static void test_churn_stands_by_what_is_sure(void **state)
{
	struct finding findings[] = {
		finding_of(VERDICT_CHURN, 600, 900),
		finding_of(VERDICT_CHURN, -5, 9),
		finding_of(VERDICT_GROWS, 3, 0.1),
	};
	struct answer *answer = answer_with(findings, 3);

	(void)state;
	assert_int_equal(answer->findings[0].verdict, VERDICT_GROWS);
	assert_true(answer->findings[1].rate.value > 0 && answer->findings[2].rate.value < 0);
	answer_free(answer);
}

static void test_unexplained_is_more_than_error(void **state)
{
	struct finding nearly = finding_of(VERDICT_LEAK, 14.2, 0.3);
	struct finding over = finding_of(VERDICT_LEAK, 25, 0.3);
	struct answer *answer = answer_with(&nearly, 1);

	(void)state;
	assert_int_equal(answer->finding_count, 1);
	answer_free(answer);
	answer = answer_with(&over, 1);
	assert_int_equal(answer->finding_count, 1);
	answer_free(answer);
	answer = answer_with(NULL, 0);
	assert_int_equal(answer->finding_count, 1);
	assert_int_equal(answer->findings[0].verdict, VERDICT_UNEXPLAINED);
	assert_true(answer->explained == 0);
	answer->growth_known = false;
	answer_set_findings(answer, NULL, 0);
	assert_int_equal(answer->finding_count, 0);
	answer_free(answer);
}

/* Of a level that jumped, the upper end is far off, and says nothing of the lower one. */
static void test_unexplained_with_one_wide_side(void **state)
{
	struct finding some = finding_of(VERDICT_LEAK, 15, 0.3);
	struct answer *answer = answer_new();

	(void)state;
	answer->growth_known = true;
	answer->growth = (struct rate){1500 * MB, 150 * MB, 8300 * MB};
	answer_set_findings(answer, NULL, 0);
	assert_int_equal(answer->finding_count, 1);
	assert_true(answer->findings[0].rate.low == 150 * MB);
	assert_true(answer->findings[0].rate.high == 8300 * MB);
	some.rate.low = -5000 * MB; /* it may explain less, which leaves more */
	answer_set_findings(answer, &some, 1);
	assert_int_equal(answer->finding_count, 2);
	some.rate.high = 1600 * MB; /* it may be all of it */
	answer_set_findings(answer, &some, 1);
	assert_int_equal(answer->finding_count, 1);
	answer_free(answer);
}

/* A trifle that is explained is not the first thing to say. */
static void test_unexplained_stands_first_where_nearly_all_is(void **state)
{
	struct finding findings[] = {finding_of(VERDICT_GROWS, 1.4, 0.1),
				     finding_of(VERDICT_KEPT, 9, 0.1)};
	struct answer *answer = answer_with(findings, 2);

	(void)state;
	assert_int_equal(answer->finding_count, 3);
	assert_int_equal(answer->findings[0].verdict, VERDICT_UNEXPLAINED);
	assert_int_equal(answer->findings[1].verdict, VERDICT_KEPT);
	assert_int_equal(answer->findings[2].verdict, VERDICT_GROWS);
	answer_free(answer);
	findings[0] = finding_of(VERDICT_GROWS, 1.6, 0.1);
	answer = answer_with(findings, 2);
	assert_int_equal(answer->findings[2].verdict, VERDICT_UNEXPLAINED);
	answer_free(answer);
}

/* What is shared with others grows beside what is in use. */
static void test_what_is_apart_explains_nothing(void **state)
{
	struct finding shared = finding_of(VERDICT_FILLING_CACHE, 15, 0.3);
	struct answer *answer;

	(void)state;
	shared.apart = true;
	answer = answer_with(&shared, 1);
	assert_true(answer->explained == 0);
	assert_int_equal(answer->finding_count, 2);
	assert_int_equal(answer->findings[0].verdict, VERDICT_UNEXPLAINED);
	answer_free(answer);
}

static void test_full_in(void **state)
{
	struct answer *answer = answer_with(NULL, 0);

	(void)state;
	assert_true(answer->full_in_s == -1);
	answer->limit_bytes = answer->resident_bytes + 30 * 1000000;
	answer_set_findings(answer, NULL, 0);
	assert_true(fabs(answer->full_in_s - 2 * 3600) < 1e-6);
	answer->resident_growth = rate_of(30, 1);
	answer_set_findings(answer, NULL, 0);
	assert_true(fabs(answer->full_in_s - 3600) < 1e-6);
	answer->limit_bytes = 5;
	answer_set_findings(answer, NULL, 0);
	assert_true(answer->full_in_s == 0);
	answer->resident_growth = answer->growth = rate_of(0.1, 0.4);
	answer_set_findings(answer, NULL, 0);
	assert_true(answer->full_in_s == -1);
	answer_free(answer);
}

/* Bytes in use over two minutes: noise of 200 kB in waves, upon a leak or not. */
static bool growth_is_known(struct answer *answer, double megabytes_per_hour, double noise)
{
	struct sample live[20];

	for (size_t i = 0; i < 20; i++)
		live[i] = (struct sample){6.0 * (double)i,
					  1e9 + megabytes_per_hour * MB / 600 * (double)i +
						  noise * chance_normal()};
	answer_set_growth(answer, live, 20, live, 3);
	return answer->growth_known;
}

static void test_growth(void **state)
{
	struct answer *answer = answer_new();
	int flat = 0, grows = 0;

	(void)state;
	chance_seed(1);
	for (int run = 0; run < 200; run++) {
		assert_true(growth_is_known(answer, 15, 10000));
		grows += answer->growth.low > 0;
		flat += growth_is_known(answer, 0, 10000) && answer->growth.low <= 0;
	}
	assert_true(grows >= 198 && flat >= 192);
	assert_true(answer->resident_growth.value == 0);
	/* Waves of a megabyte hide what two minutes can tell. */
	flat = 0;
	for (int run = 0; run < 200; run++)
		flat += growth_is_known(answer, 0, 1e6);
	assert_true(flat <= 12);
	answer_set_growth(answer, NULL, 0, NULL, 0);
	assert_false(answer->growth_known);
	answer_free(answer);
}

/*
 * An entry of 500 bytes a second, or none, among garbage that piles up to 300 kB and is collected
 * each 41 s: ten minutes tell, two do not.
 */
static void try_waves(size_t count, double bytes_per_s, unsigned int *up, unsigned int *known)
{
	struct answer *answer = answer_new();
	struct sample live[100];

	*up = *known = 0;
	for (int run = 0; run < 300; run++) {
		double phase_s = 41 * chance(), entries = 0;

		for (size_t i = 0; i < count; i++, entries += chance_events(6)) {
			double at_s = 6.0 * (double)i;

			live[i] = (struct sample){at_s,
						  1e9 + bytes_per_s * entries +
							  300000 * fmod(at_s + phase_s, 41) / 41 +
							  20000 * chance_normal()};
		}
		answer_set_growth(answer, live, count, NULL, 0);
		*known += answer->growth_known;
		*up += answer->growth_known && answer->growth.low > 0;
	}
	answer_free(answer);
}

static void test_slow_growth_in_waves(void **state)
{
	unsigned int up, known;

	(void)state;
	chance_seed(2);
	try_waves(100, 500, &up, &known);
	assert_true(up >= 290);
	try_waves(100, 0, &up, &known);
	assert_true(known >= 290 && up <= 8);
	try_waves(20, 0, &up, &known);
	assert_true(up <= 8);
}

static const struct answer_frame frames_of_remember[] = {
	{"remember", "/srv/behaviour.py", 25, true}};
static const struct answer_frame frames_of_preload[] = {{"preload", "/srv/behaviour.py", 40, true}};

struct worker {
	struct answer *answer;
	struct look_container container;
	struct answer_fill fills[2];
	struct finding findings[2];
};

/* A worker of which HISTORY grows by so many MB/h. */
static void make_worker(struct worker *worker, enum verdict verdict, double rate,
			const char *reason)
{
	*worker = (struct worker){
		.answer = answer_new(),
		.container = {"HISTORY", "dict", (uint64_t)worker, 1000, 5000, LOOK_UNKNOWN, 7,
			      LOOK_UNKNOWN},
		.fills = {{100, 100, frames_of_remember, 1, 0}, {-1, 1, frames_of_preload, 1, 0}},
		.findings = {finding_of(verdict, rate, 0.3), finding_of(VERDICT_KEPT, 1, 0.1)},
	};
	worker->findings[0].container = &worker->container;
	worker->findings[0].holds_bytes = 5000;
	worker->findings[0].fills = worker->fills;
	worker->findings[0].fill_count = rate > 2 ? 2 : 1;
	worker->findings[0].reason = reason;
	worker->findings[1].subject = "free in malloc, pinned";
	worker->answer->growth_measured = worker->answer->growth_known = true;
	worker->answer->growth = rate_of(rate + 4, 0.4);
	worker->answer->resident_growth = rate_of(rate, 3);
	worker->answer->resident_bytes = 1000;
	worker->answer->limit_bytes = 100000;
	answer_set_findings(worker->answer, worker->findings, 2);
}

static void test_merged_workers(void **state)
{
	struct worker workers[3];
	const struct answer *answers[3];

	(void)state;
	make_worker(&workers[0], VERDICT_LEAK, 2, "slow");
	make_worker(&workers[1], VERDICT_GROWS, 1, "young");
	make_worker(&workers[2], VERDICT_LEAK, 3, "fast");
	for (size_t i = 0; i < 3; i++)
		answers[i] = workers[i].answer;
	struct answer *merged = answer_merge(answers, 3, 1234);

	assert_int_equal(merged->pid, 1234);
	assert_int_equal(merged->process_count, 3);
	assert_true(merged->growth_known && fabs(merged->growth.value - 18 * MB) < 1);
	assert_true(fabs(merged->growth.high - (18 + sqrt(3 * 0.16)) * MB) < 1);
	assert_int_equal(merged->resident_bytes, 3000);
	assert_int_equal(merged->limit_bytes, 100000);
	assert_int_equal(merged->finding_count, 3);
	const struct finding *history = &merged->findings[0];

	assert_int_equal(history->verdict, VERDICT_LEAK);
	assert_string_equal(history->reason, "fast; the same in 2 more processes");
	assert_true(fabs(history->rate.value - 6 * MB) < 1);
	assert_true(fabs(history->rate.low - (6 - sqrt(3 * 0.09)) * MB) < 1);
	assert_int_equal(history->holds_bytes, 15000);
	assert_int_equal(history->container->length, 3000);
	assert_int_equal(history->container->bytes, 15000);
	assert_int_equal(history->container->address, 0);
	assert_int_equal(history->container->hits, 21);
	assert_true(history->container->bound == LOOK_UNKNOWN);
	assert_int_equal(history->fill_count, 2);
	assert_int_equal(history->fills[0].count, 300);
	assert_string_equal(history->fills[1].frames[0].function, "preload");
	assert_true(fabs(merged->findings[1].rate.value - 3 * MB) < 1);
	assert_null(merged->findings[1].container);
	/* Each left 4 of it unexplained; what the sum leaves is counted anew. */
	assert_int_equal(merged->findings[2].verdict, VERDICT_UNEXPLAINED);
	assert_true(fabs(merged->findings[2].rate.value - 12 * MB) < 1);
	answer_free(merged);
	for (size_t i = 0; i < 3; i++)
		answer_free(workers[i].answer);
}

/* One whose growth alone does not tell anything is a part of the growth of all. */
static void test_merged_growth_is_of_all_that_was_measured(void **state)
{
	struct worker workers[3];
	const struct answer *answers[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make_worker(&workers[i], VERDICT_LEAK, 2, "leak");
		answers[i] = workers[i].answer;
	}
	workers[2].answer->growth_known = false;
	workers[2].answer->growth = (struct rate){4 * MB, -2 * MB, 10 * MB};
	struct answer *merged = answer_merge(answers, 3, 1);

	assert_true(merged->growth_known && fabs(merged->growth.value - 16 * MB) < 1);
	assert_true(merged->growth.low < 10.1 * MB);
	answer_free(merged);
	workers[2].answer->growth.low = -20 * MB;
	merged = answer_merge(answers, 3, 1);
	assert_true(merged->growth_measured && !merged->growth_known);
	answer_free(merged);
	for (size_t i = 0; i < 3; i++)
		answer_free(workers[i].answer);
}

/* What was seen of it is told of the one that was watched in the act,
 * though another grew faster. */
static void test_merged_reason_is_of_who_was_watched(void **state)
{
	struct worker workers[2];
	const struct answer *answers[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_worker(&workers[i], VERDICT_GROWS, i ? 3 : 2,
			    i ? "showed too late" : "12 blocks");
		workers[i].findings[0].fill_count = !i;
		workers[i].findings[0].advice = i ? ADVICE_RECORD : ADVICE_NONE;
		answer_set_findings(workers[i].answer, workers[i].findings, 2);
	}
	for (size_t order = 0; order < 2; order++) {
		answers[order] = workers[0].answer;
		answers[!order] = workers[1].answer;
		struct answer *merged = answer_merge(answers, 2, 1);

		assert_string_equal(merged->findings[0].reason,
				    "12 blocks; the same in 1 more process");
		assert_int_equal(merged->findings[0].advice, ADVICE_NONE);
		answer_free(merged);
	}
	for (size_t i = 0; i < 2; i++)
		answer_free(workers[i].answer);
}

static void test_merged_verdict_is_of_most_growth(void **state)
{
	struct worker workers[3];
	const struct answer *answers[3];

	(void)state;
	make_worker(&workers[0], VERDICT_LEAK, 4, "leak");
	make_worker(&workers[1], VERDICT_FILLING_CACHE, 3, "cache");
	make_worker(&workers[2], VERDICT_FILLING_CACHE, 2, "cache");
	for (size_t i = 0; i < 3; i++)
		answers[i] = workers[i].answer;
	struct answer *merged = answer_merge(answers, 3, 1);

	assert_int_equal(merged->findings[0].verdict, VERDICT_FILLING_CACHE);
	assert_string_equal(merged->findings[0].reason, "cache; the same in 2 more processes");
	answer_free(merged);
	/* Of one alone it is what it was; of none, nothing. */
	merged = answer_merge(answers, 1, 1);
	assert_string_equal(merged->findings[0].reason, "leak");
	assert_true(merged->findings[0].container->address == workers[0].container.address);
	answer_free(merged);
	merged = answer_merge(NULL, 0, 1);
	assert_false(merged->growth_known);
	assert_int_equal(merged->finding_count, 0);
	answer_free(merged);
	for (size_t i = 0; i < 3; i++)
		answer_free(workers[i].answer);
}

static void test_merge_keeps_apart_what_differs(void **state)
{
	struct worker workers[2];
	const struct answer *answers[2];

	(void)state;
	make_worker(&workers[0], VERDICT_LEAK, 4, "a");
	make_worker(&workers[1], VERDICT_LEAK, 3, "b");
	answers[0] = workers[0].answer;
	answers[1] = workers[1].answer;
	workers[1].container.type = "list";
	struct answer *merged = answer_merge(answers, 2, 1);

	assert_int_equal(merged->finding_count, 4);
	answer_free(merged);
	/* Without a name only one address is one container: that of before the fork. */
	workers[1].container.type = "dict";
	workers[0].container.name = workers[1].container.name = NULL;
	merged = answer_merge(answers, 2, 1);
	assert_int_equal(merged->finding_count, 4);
	answer_free(merged);
	workers[0].container.address = workers[1].container.address;
	merged = answer_merge(answers, 2, 1);
	assert_int_equal(merged->finding_count, 3);
	assert_string_equal(merged->findings[0].reason, "a; the same in 1 more process");
	answer_free(merged);
	answer_free(workers[0].answer);
	answer_free(workers[1].answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings_are_sorted_and_summed),
		cmocka_unit_test(test_kept_stands_by_what_is_sure),
		cmocka_unit_test(test_churn_stands_by_what_is_sure),
		cmocka_unit_test(test_unexplained_is_more_than_error),
		cmocka_unit_test(test_unexplained_with_one_wide_side),
		cmocka_unit_test(test_what_is_apart_explains_nothing),
		cmocka_unit_test(test_unexplained_stands_first_where_nearly_all_is),
		cmocka_unit_test(test_full_in),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_slow_growth_in_waves),
		cmocka_unit_test(test_merged_workers),
		cmocka_unit_test(test_merged_growth_is_of_all_that_was_measured),
		cmocka_unit_test(test_merged_verdict_is_of_most_growth),
		cmocka_unit_test(test_merged_reason_is_of_who_was_watched),
		cmocka_unit_test(test_merge_keeps_apart_what_differs),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
