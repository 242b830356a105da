/* SPDX-License-Identifier: BSD-2-Clause */
/* Simulated containers that are looked at every few seconds, and how many had which verdict. */
#ifndef TEST_TRIALS_H
#define TEST_TRIALS_H

#include <stdio.h>
#include <string.h>

#include "trial.h"

enum { RUNS = 300, LOOKS = 20, STEP_S = 6 };

#define HOUR 3600.0
#define DAY  86400.0

/* How many runs had each verdict. */
struct tally {
	unsigned int count[VERDICT_COUNT + 1];
};

static inline void trial_add(struct trial *trial, double length)
{
	trial_add_at(trial, (double)trial->history.count * STEP_S, length);
}

static inline void trial_end(struct trial *trial, struct tally *tally)
{
	tally->count[trial->verdict]++;
	trial_release(trial);
}

static inline void assert_share(const struct tally *tally, enum verdict verdict, double least,
				double most)
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

static inline void assert_reason(const struct trial *trial, const char *reason)
{
	if (strcmp(trial->finding.reason, reason))
		fail_msg("\"%s\", not \"%s\"", trial->finding.reason, reason);
}

/* Grows evenly, as fast as its size and age say times `factor`. */
static inline void trial_even(struct trial *trial, double per_s, double uptime_s, double factor)
{
	trial_begin(trial, uptime_s);
	for (size_t i = 0; i < LOOKS; i++)
		trial_add(trial, per_s * (uptime_s / factor + (double)i * STEP_S));
}

#endif
