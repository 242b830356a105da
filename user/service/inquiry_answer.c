/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an inquiry has found out, of all processes together. Where workers come and go, some of them
 * were looked at for long enough to tell, at random as far as the target is concerned: they stand
 * for all. What they grow by on average, over their own lives, counts for as long as workers were
 * there, so that the sum is what all grow by at a time.
 */
#include "inquiry_internal.h"

#include <math.h>

#include "../lib/array.h"
#include "../lib/clock.h"

bool inquiry_is_of(const struct inquiry *inquiry, const struct patient_case *kase)
{
	return !inquiry->of_workers || kase->patient.pid != inquiry->options->pid;
}

/* How long the process that was asked about has been up: its workers may be younger. */
static double uptime(const struct inquiry *inquiry, double otherwise)
{
	double most = otherwise;

	for (size_t i = 0; i < inquiry->case_count; i++)
		most = fmax(most, inquiry->cases[i]->uptime_s);
	return most;
}

static bool is_ended(const struct inquiry *inquiry)
{
	for (size_t i = 0; i < inquiry->case_count; i++)
		if (!inquiry->cases[i]->gone)
			return false;
	return !inquiry->crew.count;
}

/* All of our own processor time, and what watches took of theirs. */
static void set_cost(const struct inquiry *inquiry, struct answer *answer)
{
	double used = inquiry_used_s(inquiry);
	double cost = inquiry_spent_s(inquiry);

	used = fmax(used, procfs_seconds(1)); /* it is told in such parts */
	answer->cost_percent = 100 * cost / used;
	answer->core_percent = 100 * cost / fmax(inquiry->ended_s - inquiry->began_s, 1e-3);
}

/* --- of all workers, those that were looked at --- */

static bool has_told(const struct inquiry *inquiry, const struct patient_case *kase)
{
	return kase->told && kase->patient.looks && inquiry_is_of(inquiry, kase);
}

/* How long those were followed that have told, and how many they are. */
static double sum_told(const struct inquiry *inquiry, size_t *count)
{
	double sum_s = 0;

	*count = 0;
	for (size_t i = 0; i < inquiry->case_count; i++) {
		if (!has_told(inquiry, inquiry->cases[i]))
			continue;
		sum_s += case_seen_s(inquiry->cases[i]);
		++*count;
	}
	return sum_s;
}

/* For how many each one stands, where not all have told. */
static double stands_for(const struct inquiry *inquiry, double told_s)
{
	if (!inquiry->of_workers || !(told_s > 0))
		return 1;
	return fmax(crew_present_s(&inquiry->crew) / told_s, 1);
}

static struct answer *add_answer(struct inquiry *inquiry, struct patient_case *kase, double weight)
{
	struct answer *answer = case_answer(kase, weight);

	if (array_append(&inquiry->answers, &inquiry->answer_count, answer))
		return answer;
	answer_free(answer);
	return NULL;
}

/* Its memory is free again where others are there; where nobody is, for all ended at once, those
 * count that were there last. */
static bool is_replaced(const struct inquiry *inquiry, const struct patient_case *kase)
{
	const struct crew *crew = &inquiry->crew;

	if (crew->count || !inquiry_is_of(inquiry, kase))
		return kase->gone && crew->count;
	return crew->usual_count;
}

/* Rates of a process that was there for a part of the time count for that part. */
static void add_answers(struct inquiry *inquiry, double told_s)
{
	double duration_s = fmax(inquiry->ended_s - inquiry->began_s, 1e-3);
	double times = stands_for(inquiry, told_s);

	for (size_t i = 0; i < inquiry->case_count; i++) {
		struct patient_case *kase = inquiry->cases[i];
		bool is_of = inquiry_is_of(inquiry, kase);
		double share = fmin(case_seen_s(kase) / duration_s, 1);

		if (!kase->patient.looks || (is_of && told_s > 0 && !kase->told))
			continue;
		struct answer *answer = add_answer(inquiry, kase, is_of ? share * times : share);
		if (answer && is_replaced(inquiry, kase))
			answer->resident_bytes = 0;
	}
}

/* Those of whose growth nothing is known grow like the others. */
static void level_growth(struct inquiry *inquiry, double told_s)
{
	double measured_s = 0;

	for (size_t i = 0; i < inquiry->answer_count; i++)
		if (inquiry->answers[i]->growth_measured &&
		    inquiry->answers[i]->pid != inquiry->options->pid)
			measured_s += inquiry->answers[i]->watched_s;
	for (size_t i = 0; measured_s > 0 && i < inquiry->answer_count; i++)
		if (inquiry->answers[i]->pid != inquiry->options->pid)
			rate_scale(&inquiry->answers[i]->growth, fmax(told_s / measured_s, 1));
}

/* Of those that nobody looked at, for they came a moment ago, or only wait. */
static uint64_t other_bytes(const struct inquiry *inquiry)
{
	uint64_t bytes = inquiry->crew.count ? 0 : inquiry->crew.usual_bytes;

	for (size_t i = 0; i < inquiry->case_count; i++)
		if (!inquiry->cases[i]->gone && !inquiry->cases[i]->patient.looks)
			bytes += case_resident(inquiry->cases[i]);
	for (size_t i = 0; i < inquiry->crew.count; i++)
		if (!inquiry->crew.members[i].taken)
			bytes += inquiry->crew.members[i].resident_bytes;
	return bytes;
}

/* Where all were replaced, none of them gets as far as to a limit by what it has grown. */
static void set_crew(const struct inquiry *inquiry, size_t told, struct answer *answer)
{
	const struct crew *crew = &inquiry->crew;

	answer->crew = (struct answer_crew){
		.seen = crew->count + crew->ended,
		.ended = crew->ended,
		.told = told,
		.life_s = crew_life_s(crew),
	};
	if (crew->usual_count)
		answer->process_count = crew->usual_count;
	if (crew->ended && crew->ended >= crew->count)
		answer->full_in_s = -1;
}

struct answer *inquiry_answer(struct inquiry *inquiry)
{
	struct answer *answer;
	size_t told;
	double told_s = sum_told(inquiry, &told);

	add_answers(inquiry, told_s);
	if (!inquiry->answer_count)
		return NULL;
	if (inquiry->of_workers && told_s > 0)
		level_growth(inquiry, told_s);
	answer = answer_merge((const struct answer *const *)inquiry->answers, inquiry->answer_count,
			      inquiry->options->pid);
	answer->comm = inquiry->cases[0]->patient.status.comm;
	answer->exe = inquiry->answers[0]->exe;
	answer->resident_bytes += other_bytes(inquiry);
	answer->uptime_s = uptime(inquiry, answer->uptime_s);
	answer->ended = is_ended(inquiry);
	if (inquiry->of_workers)
		set_crew(inquiry, told, answer);
	set_cost(inquiry, answer);
	answer->watched_s = inquiry->ended_s - inquiry->began_s;
	if (*inquiry->lacks.text)
		answer->lacks = zone_strdup(answer->zone, inquiry->lacks.text);
	return answer;
}
