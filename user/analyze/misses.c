/* SPDX-License-Identifier: BSD-2-Clause */
#include "misses.h"

#include <math.h>

enum { LOOKUPS_LEAST = 50 };

static bool knows_misses(const struct container_sample *sample)
{
	return sample->hits != LOOK_UNKNOWN && sample->misses != LOOK_UNKNOWN;
}

static double lookups(const struct container_sample *sample)
{
	return (double)sample->hits + (double)sample->misses;
}

/* What parts all look-ups into earlier and later ones, half of them each as far as samples
 * allow. */
static const struct container_sample *parting(const struct container_history *history)
{
	double half = lookups(&history->samples[history->count - 1]) / 2;
	const struct container_sample *best = &history->samples[0];

	for (size_t i = 1; i < history->count; i++) {
		const struct container_sample *sample = &history->samples[i];

		if (knows_misses(sample) &&
		    fabs(lookups(sample) - half) < fabs(lookups(best) - half))
			best = sample;
	}
	return best;
}

bool misses_fall(const struct container_history *history, double *before, double *now)
{
	const struct container_sample *first = parting(history);
	const struct container_sample *last = &history->samples[history->count - 1];

	if (!knows_misses(first) || !knows_misses(last) || last->hits < first->hits ||
	    last->misses < first->misses)
		return false;
	double misses = (double)(last->misses - first->misses);
	double early = lookups(first), late = lookups(last) - early;

	if (late < LOOKUPS_LEAST || early < LOOKUPS_LEAST)
		return false;
	double earlier = (double)first->misses / early, later = misses / late;
	double mean = (double)last->misses / lookups(last);
	double error = sqrt(mean * (1 - mean) * (1 / early + 1 / late));
	double share = early > late ? 0.8 : 0.9;

	if (later >= share * earlier || earlier - later <= 3 * error)
		return false;
	*before = earlier;
	*now = later;
	return true;
}
