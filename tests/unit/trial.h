/* SPDX-License-Identifier: BSD-2-Clause */
/* A simulated container, what is measured of it, and what is said of that. */
#ifndef TEST_TRIAL_H
#define TEST_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analyze/verdict.h"

#define NONE VERDICT_COUNT

struct trial {
	struct container_sample samples[64];
	struct container_history history;
	struct finding finding;
	struct zone *zone;
	enum verdict verdict; /* NONE: no finding */
};

static inline void trial_begin(struct trial *trial, double uptime_s)
{
	*trial = (struct trial){.zone = zone_new()};
	trial->history.samples = trial->samples;
	trial->history.bound = LOOK_UNKNOWN;
	trial->history.uptime_s = uptime_s;
}

static inline void trial_add_at(struct trial *trial, double at_s, double length)
{
	trial->samples[trial->history.count++] = (struct container_sample){
		.at_s = at_s,
		.length = (uint64_t)length,
		.bytes = (uint64_t)length * 500,
		.hits = LOOK_UNKNOWN,
		.misses = LOOK_UNKNOWN,
	};
}

static inline void trial_judge(struct trial *trial)
{
	bool found = verdict_of_container(&trial->history, trial->zone, &trial->finding);

	trial->verdict = found ? trial->finding.verdict : NONE;
	if (found)
		assert_non_null(trial->finding.reason);
}

static inline void trial_release(struct trial *trial)
{
	zone_free(trial->zone);
}

#endif
