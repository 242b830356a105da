/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes of an inquiry as if they had been followed, for tests of what is made of that. */
#ifndef UNFREED_TESTS_CASES_H
#define UNFREED_TESTS_CASES_H

#include <stdlib.h>

#include "lib/clock.h"
#include "service/case.h"

/* Followed for so long until now. */
static inline struct patient_case *kase_new(pid_t pid, bool is_python, double seen_s)
{
	struct patient_case *kase = calloc(1, sizeof(*kase));

	if (!kase)
		abort();
	kase->patient.pid = pid;
	kase->patient.is_python = is_python;
	kase->patient.status.comm[0] = 'a';
	kase->uptime_s = 1000 + seen_s;
	kase->seen_s = clock_s(CLOCK_MONOTONIC);
	kase->began_s = kase->seen_s - seen_s;
	kase->born_s = kase->seen_s - kase->uptime_s;
	subjects_init(&kase->subjects);
	return kase;
}

static inline void kase_free(struct patient_case *kase)
{
	subjects_release(&kase->subjects);
	free(kase);
}

/* Ten samples a second apart. */
static inline void kase_grow(struct series *series, double from, double per_s)
{
	for (int i = 0; i < 10; i++)
		series_add(series, i, from + i * per_s);
}

#endif
