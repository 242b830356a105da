/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The findings of a service over time: each is known by what it is about, the path of a container
 * for one, so that workers that are replaced give one finding, which is told once. It is told
 * again where its verdict changes to a worse one, or changes at two answers in a row; and where it
 * is over: two answers do not have it, or the service was not seen to grow for so long that it may
 * be taken for mended. Pure.
 */
#ifndef UNFREED_SERVICE_MONITOR_FINDINGS_H
#define UNFREED_SERVICE_MONITOR_FINDINGS_H

#include "told.h"

enum { FINDINGS_MAX = 32 };

struct known_finding {
	struct told_finding told; /* by the last answer that had it */
	enum verdict verdict;     /* as people were told */
	enum verdict other;       /* what the last answer said in its place, once; else the same */
	double first_s;           /* of the clock that findings_take() is told */
	double last_s;
	unsigned int missed; /* answers in a row that did not have it */
};

struct findings {
	struct known_finding items[FINDINGS_MAX];
	size_t count;
};

enum finding_change { FINDING_NEW, FINDING_CHANGED, FINDING_OVER };

typedef void finding_told_fn(void *context, enum finding_change change,
			     const struct known_finding *finding);

/*
 * Takes what an answer told; its findings are taken over, the array is empty then. Returns whether
 * there is anything that people are told, by `tell`.
 */
bool findings_take(struct findings *findings, struct told *told, double now_s,
		   finding_told_fn *tell, void *context);

/* The service does not grow: those that no answer had since then are over. */
void findings_end(struct findings *findings, double since_s, finding_told_fn *tell, void *context);

/* One that was known, and told, before we were started. `told` is taken over. */
void findings_recall(struct findings *findings, struct told_finding *told, double first_s,
		     double last_s);

bool findings_have(const struct findings *findings, const char *name);

void findings_release(struct findings *findings);

#endif
