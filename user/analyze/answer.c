/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
#define X(id, name) [VERDICT_##id] = name,
		VERDICT_LIST(X)
#undef X
	};

	return names[verdict];
}

bool verdict_by_name(const char *name, enum verdict *verdict)
{
	for (*verdict = 0; name && *verdict < VERDICT_COUNT; ++*verdict)
		if (!strcmp(verdict_name(*verdict), name))
			return true;
	return false;
}

struct answer *answer_new(void)
{
	struct zone *zone = zone_new();
	struct answer *answer = zone_alloc(zone, 1, sizeof(*answer));

	answer->zone = zone;
	answer->full_in_s = -1;
	return answer;
}

void answer_free(struct answer *answer)
{
	if (answer)
		zone_free(answer->zone);
}

void rate_scale(struct rate *rate, double factor)
{
	rate->value *= factor;
	rate->low *= factor;
	rate->high *= factor;
}

bool rate_of_level(const struct sample *samples, size_t count, struct rate *rate)
{
	struct slope slope;

	if (!slope_of_level(samples, count, &slope))
		return false;
	*rate = (struct rate){slope.per_s * HOUR_S, slope.low * HOUR_S, slope.high * HOUR_S};
	return true;
}

bool rate_tells(const struct rate *rate, uint64_t resident_bytes)
{
	double narrow = fmax(2e6, 0.002 * (double)resident_bytes);

	return rate->low > 0 || rate->high < 0 || rate->high - rate->low <= 2 * narrow;
}

void answer_set_growth(struct answer *answer, const struct sample *live, size_t live_count,
		       const struct sample *resident, size_t resident_count)
{
	answer->growth_measured = rate_of_level(live, live_count, &answer->growth);
	answer->growth_known =
		answer->growth_measured && rate_tells(&answer->growth, answer->resident_bytes);
	if (!rate_of_level(resident, resident_count, &answer->resident_growth))
		answer->resident_growth = (struct rate){0};
}

/* What an allocator keeps is a level that swings, and so is what comes and goes: it stands
 * before what surely grows only by what is sure of it as well. */
static double weight_of(const struct finding *finding)
{
	double sure = fmax(finding->rate.low, 0);

	if (finding->verdict == VERDICT_CHURN)
		return fmin(sure, finding->rate.value);
	return finding->verdict == VERDICT_KEPT ? sure : finding->rate.value;
}

static int compare_findings(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;
	bool last_a = a->verdict == VERDICT_UNEXPLAINED, last_b = b->verdict == VERDICT_UNEXPLAINED;

	if (last_a != last_b)
		return last_a ? 1 : -1;
	if (weight_of(a) != weight_of(b))
		return weight_of(a) < weight_of(b) ? 1 : -1;
	return (a->holds_bytes < b->holds_bytes) - (a->holds_bytes > b->holds_bytes);
}

bool finding_explains_growth(const struct finding *finding)
{
	if (finding->apart)
		return false;
	switch (finding->verdict) {
	case VERDICT_KEPT:
	case VERDICT_SAWTOOTH:
	case VERDICT_CHURN:
	case VERDICT_UNEXPLAINED:
		return false;
	default:
		return finding->rate.value > 0;
	}
}

double answer_least_growth(const struct answer *answer)
{
	double sum = 0, below = 0;

	for (size_t i = 0; i < answer->finding_count; i++) {
		const struct finding *finding = &answer->findings[i];

		if (!finding_explains_growth(finding) || finding->verdict == VERDICT_WARM_UP)
			continue;
		sum += finding->rate.value;
		below += pow(finding->rate.value - finding->rate.low, 2);
	}
	return fmax(sum - sqrt(below), 0);
}

/* What is left of the growth, with the errors of all that it is left from: what it grows by at
 * least less what is explained at most, and the other way round. */
static struct rate unexplained_of(const struct answer *answer, const struct finding *findings,
				  size_t count)
{
	const struct rate *growth = &answer->growth;
	double left = growth->value;
	double below = pow(growth->value - growth->low, 2);
	double above = pow(growth->high - growth->value, 2);

	for (size_t i = 0; i < count; i++) {
		const struct rate *rate = &findings[i].rate;

		if (!finding_explains_growth(&findings[i]))
			continue;
		left -= rate->value;
		below += pow(rate->high - rate->value, 2);
		above += pow(rate->value - rate->low, 2);
	}
	return (struct rate){left, left - sqrt(below), left + sqrt(above)};
}

static void set_full_in(struct answer *answer)
{
	double rate = 0, room = (double)answer->limit_bytes - (double)answer->resident_bytes;

	if (answer->resident_growth.low > 0)
		rate = answer->resident_growth.value;
	else if (answer->growth_known && answer->growth.low > 0)
		rate = answer->growth.value;
	answer->full_in_s = -1;
	if (answer->limit_bytes && rate > 0)
		answer->full_in_s = fmax(room, 0) / rate * HOUR_S;
}

/* What is a trifle of the growth is not the first thing to be said of it. */
#define TRIFLE 0.1

static void put_unexplained_first(struct answer *answer, struct finding *sorted, size_t count)
{
	struct finding last;

	if (!count || sorted[count - 1].verdict != VERDICT_UNEXPLAINED ||
	    answer->explained > TRIFLE * answer->growth.value)
		return;
	last = sorted[count - 1];
	memmove(sorted + 1, sorted, (count - 1) * sizeof(*sorted));
	sorted[0] = last;
}

void answer_set_findings(struct answer *answer, const struct finding *findings, size_t count)
{
	struct finding *sorted = zone_alloc(answer->zone, count + 1, sizeof(*sorted));
	struct rate left = unexplained_of(answer, findings, count);

	if (count)
		memcpy(sorted, findings, count * sizeof(*sorted));
	if (answer->growth_known && left.low > 0 && left.value > 0.02 * answer->growth.value)
		sorted[count++] = (struct finding){
			.verdict = VERDICT_UNEXPLAINED,
			.rate = left,
			.reason = answer->unexplained
					  ? answer->unexplained
					  : "in no container and from no line that was seen",
		};
	qsort(sorted, count, sizeof(*sorted), compare_findings);
	answer->findings = sorted;
	answer->finding_count = count;
	answer->explained = 0;
	for (size_t i = 0; i < count; i++)
		answer->explained += finding_explains_growth(&sorted[i]) ? sorted[i].rate.value : 0;
	put_unexplained_first(answer, sorted, count);
	set_full_in(answer);
}
