/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers of a prefork master run the same code: what grows in one grows in the others, under
 * the same name, and what fills one limit is the sum. Rates add up; their errors are those of
 * independent measurements, so that they add up in square.
 */
#include "answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/saturate.h"
#include "fill_order.h"

static bool is_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct rate sum_rates(const struct rate *a, const struct rate *b)
{
	double value = a->value + b->value;

	return (struct rate){value, value - hypot(a->value - a->low, b->value - b->low),
			     value + hypot(a->high - a->value, b->high - b->value)};
}

/* An address means the same in forked workers as long as nothing else does: no name. */
static bool is_same_container(const struct look_container *a, const struct look_container *b)
{
	if (!is_equal(a->type, b->type) || !is_equal(a->name, b->name))
		return false;
	return a->name || (a->address && a->address == b->address);
}

static bool is_same_finding(const struct finding *a, const struct finding *b)
{
	if (!a->container != !b->container)
		return false;
	if (a->container)
		return is_same_container(a->container, b->container);
	return is_equal(a->subject, b->subject) && is_equal(a->of, b->of) &&
	       (a->verdict == VERDICT_KEPT) == (b->verdict == VERDICT_KEPT);
}

static int compare_fills(const void *left, const void *right)
{
	const struct answer_fill *a = left, *b = right;
	double delta_a = fabs((double)a->delta), delta_b = fabs((double)b->delta);

	if (delta_a != delta_b)
		return delta_a < delta_b ? 1 : -1;
	return (a->count < b->count) - (a->count > b->count);
}

/* Adds stacks to a list that has room for them: equal ones become one. */
static void add_fills(struct answer_fill *fills, size_t *count, const struct answer_fill *added,
		      size_t added_count)
{
	for (size_t i = 0; i < added_count; i++) {
		size_t place = 0;

		while (place < *count && !fills_share_stack(&fills[place], &added[i]))
			place++;
		if (place == *count) {
			fills[(*count)++] = added[i];
			continue;
		}
		fills[place].count = saturating_add(fills[place].count, added[i].count);
		if (__builtin_add_overflow(fills[place].delta, added[i].delta, &fills[place].delta))
			fills[place].delta = added[i].delta < 0 ? INT64_MIN : INT64_MAX;
	}
}

static struct answer_fill *merge_fills(struct zone *zone, const struct answer_fill *a,
				       size_t *count, const struct answer_fill *b, size_t b_count)
{
	struct answer_fill *fills = zone_alloc(zone, *count + b_count, sizeof(*fills));
	size_t merged = 0;

	add_fills(fills, &merged, a, *count);
	add_fills(fills, &merged, b, b_count);
	qsort(fills, merged, sizeof(*fills), compare_fills);
	*count = merged;
	return fills;
}

static uint64_t add_known(uint64_t a, uint64_t b)
{
	return a == LOOK_UNKNOWN || b == LOOK_UNKNOWN ? LOOK_UNKNOWN : saturating_add(a, b);
}

static const struct look_container *
merge_containers(struct zone *zone, const struct look_container *a, const struct look_container *b)
{
	struct look_container *both = zone_alloc(zone, 1, sizeof(*both));

	*both = *a;
	if (a->address != b->address)
		both->address = 0;
	both->length = saturating_add(a->length, b->length);
	both->bytes = saturating_add(a->bytes, b->bytes);
	both->bound = add_known(a->bound, b->bound);
	both->hits = add_known(a->hits, b->hits);
	both->misses = add_known(a->misses, b->misses);
	return both;
}

/* A finding in the making: what of it is of how many processes, and how much each verdict has. */
struct merged {
	struct finding finding;
	size_t processes;
	double by_verdict[VERDICT_COUNT];
	double fastest;  /* of those whose verdict leads */
	bool has_stacks; /* the one whose reason is told */
};

/* A reason belongs to what it was seen by: that of who was watched in the
 * act, else of the fastest. */
static bool tells_more(const struct merged *merged, const struct finding *finding)
{
	bool has_stacks = finding->fill_count;

	return has_stacks != merged->has_stacks ? has_stacks
						: finding->rate.value > merged->fastest;
}

static void take_reason(struct merged *merged, const struct finding *finding)
{
	merged->fastest = finding->rate.value;
	merged->has_stacks = finding->fill_count;
	merged->finding.verdict = finding->verdict;
	merged->finding.reason = finding->reason;
	merged->finding.advice = finding->advice;
}

/* The verdict of most of the growth, and the reason of one that has it. */
static void vote(struct merged *merged, const struct finding *finding)
{
	struct finding *sum = &merged->finding;
	double *by_verdict = merged->by_verdict;

	by_verdict[finding->verdict] += fmax(finding->rate.value, 0);
	if (finding->verdict != sum->verdict) {
		if (by_verdict[finding->verdict] <= by_verdict[sum->verdict])
			return;
		take_reason(merged, finding);
	} else if (tells_more(merged, finding)) {
		take_reason(merged, finding);
	}
}

static double sum_deltas(const struct answer_fill *fills, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)fills[i].delta;
	return sum;
}

/* What fills it all, and what empties it. */
static void merge_all_fills(struct finding *sum, const struct finding *finding, struct zone *zone)
{
	struct answer_fill *fills = merge_fills(zone, sum->fills, &sum->fill_count, finding->fills,
						finding->fill_count);

	sum->empties = merge_fills(zone, sum->empties, &sum->empty_count, finding->empties,
				   finding->empty_count);
	if (sum->empty_count)
		fills_order(fills, sum->fill_count,
			    sum_deltas(fills, sum->fill_count) +
				    sum_deltas(sum->empties, sum->empty_count));
	sum->fills = fills;
}

static void add_to(struct merged *merged, const struct finding *finding, struct zone *zone)
{
	struct finding *sum = &merged->finding;

	sum->rate = sum_rates(&sum->rate, &finding->rate);
	sum->holds_bytes = saturating_add(sum->holds_bytes, finding->holds_bytes);
	if (sum->container)
		sum->container = merge_containers(zone, sum->container, finding->container);
	merge_all_fills(sum, finding, zone);
	sum->watched_s = fmax(sum->watched_s, finding->watched_s);
	sum->evidence |= finding->evidence;
	merged->processes++;
	vote(merged, finding);
}

static void add_finding(struct merged *merged, size_t *count, const struct finding *finding,
			struct zone *zone)
{
	size_t place = 0;

	if (finding->verdict == VERDICT_UNEXPLAINED)
		return;
	while (place < *count && !is_same_finding(&merged[place].finding, finding))
		place++;
	if (place < *count) {
		add_to(&merged[place], finding, zone);
		return;
	}
	merged[place].finding = *finding;
	merged[place].processes = 1;
	take_reason(&merged[place], finding);
	merged[place].by_verdict[finding->verdict] = fmax(finding->rate.value, 0);
	(*count)++;
}

/* A reason speaks of one process, and says so. */
static const char *reason_of(const struct merged *merged, struct zone *zone)
{
	const char *reason = merged->finding.reason;
	size_t others = merged->processes - 1;
	char *text = NULL;

	if (!reason || !others ||
	    asprintf(&text, "%s; the same in %zu more %s", reason, others,
		     others == 1 ? "process" : "processes") < 0)
		return reason;
	reason = zone_strdup(zone, text);
	free(text);
	return reason;
}

static void merge_findings(struct answer *sum, const struct answer *const *answers, size_t count)
{
	size_t all = 0, merged_count = 0;

	for (size_t i = 0; i < count; i++)
		all += answers[i]->finding_count;
	struct merged *merged = zone_alloc(sum->zone, all, sizeof(*merged));
	struct finding *findings = zone_alloc(sum->zone, all, sizeof(*findings));

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < answers[i]->finding_count; j++)
			add_finding(merged, &merged_count, &answers[i]->findings[j], sum->zone);
	for (size_t i = 0; i < merged_count; i++) {
		findings[i] = merged[i].finding;
		findings[i].reason = reason_of(&merged[i], sum->zone);
	}
	answer_set_findings(sum, findings, merged_count);
}

static void add_open(struct open_memory *sum, const struct open_memory *one)
{
	sum->files += one->files;
	sum->file_bytes = saturating_add(sum->file_bytes, one->file_bytes);
	sum->sockets += one->sockets;
	sum->unread_bytes = saturating_add(sum->unread_bytes, one->unread_bytes);
	sum->unsent_bytes = saturating_add(sum->unsent_bytes, one->unsent_bytes);
	sum->cut |= one->cut;
}

static void add_figures(struct answer *sum, const struct answer *one, uint64_t *largest)
{
	sum->uptime_s = fmax(sum->uptime_s, one->uptime_s);
	sum->watched_s = fmax(sum->watched_s, one->watched_s);
	sum->resident_growth = sum_rates(&sum->resident_growth, &one->resident_growth);
	if (one->growth_measured)
		sum->growth = sum_rates(&sum->growth, &one->growth);
	sum->resident_bytes = saturating_add(sum->resident_bytes, one->resident_bytes);
	if (one->limit_bytes > sum->limit_bytes)
		sum->limit_bytes = one->limit_bytes;
	sum->open_known |= one->open_known;
	add_open(&sum->open, &one->open);
	if (!sum->lacks)
		sum->lacks = one->lacks;
	if (one->loss_count) { /* one alone is recorded */
		sum->losses = one->losses;
		sum->loss_count = one->loss_count;
	}
	if (one->look && (!sum->look || one->resident_bytes > *largest)) {
		sum->look = one->look;
		sum->look_uptime_s = one->look_uptime_s;
		*largest = one->resident_bytes;
	}
}

/* Workers that came a moment ago have no growth that was measured; most have to. */
static bool is_measured_of_most(const struct answer *const *answers, size_t count)
{
	size_t measured = 0;

	for (size_t i = 0; i < count; i++)
		measured += answers[i]->growth_measured;
	return count && 2 * measured > count;
}

struct answer *answer_merge(const struct answer *const *answers, size_t count, pid_t pid)
{
	struct answer *sum = answer_new();
	uint64_t largest = 0;

	sum->pid = pid;
	sum->process_count = count;
	for (size_t i = 0; i < count; i++)
		add_figures(sum, answers[i], &largest);
	for (size_t i = 0; i < count && !sum->unexplained; i++)
		sum->unexplained = answers[i]->unexplained;
	if (count == 1)
		sum->aside = answers[0]->aside;
	sum->growth_measured = is_measured_of_most(answers, count);
	sum->growth_known = sum->growth_measured && rate_tells(&sum->growth, sum->resident_bytes);
	merge_findings(sum, answers, count);
	return sum;
}
