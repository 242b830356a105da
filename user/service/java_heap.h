/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the collections of a JVM leave in its old generation, from one to the next. Its heap as a
 * whole, in which garbage lies until it is collected, tells little in minutes.
 */
#ifndef UNFREED_SERVICE_JAVA_HEAP_H
#define UNFREED_SERVICE_JAVA_HEAP_H

#include "../analyze/verdict.h"
#include "../memory/java_counters.h"
#include "series.h"

struct java_case {
	struct java_counters counters;
	struct series old;    /* bytes, one sample after each collection that was seen */
	uint64_t first, last; /* how many collections there had been at its ends */
	bool fell;
};

/* Finds what a process tells, if it is a JVM that does. */
void java_case_begin(struct java_case *java, const struct procfs *procfs, pid_t pid);

/* Between looks. */
void java_case_poll(struct java_case *java, const struct memory *memory, double now_s);

/* Whether it grows, see verdict_of_survivors(). */
bool java_case_finding(const struct java_case *java, double uptime_s, struct zone *zone,
		       struct finding *finding);

/* A sentence where collections were seen by which it does not; else NULL. */
const char *java_case_still(const struct java_case *java);

#endif
