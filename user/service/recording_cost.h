/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording should cost its targets, as estimated before, and what it then is said to have
 * cost. */
#ifndef UNFREED_RECORDING_COST_H
#define UNFREED_RECORDING_COST_H

#include "../profile/snapshot.h"
#include "../probes/estimate.h"
#include "../probes/overhead.h"

/* Zeroed: nothing is known. */
struct recording_cost {
	double calls_per_s;      /* of all targets */
	struct trap_costs traps; /* where a target or an interpreter was looked at */
	struct call_times call;  /* cost 0: unknown */
	struct usage unprobed;   /* of all of them, in a time without any probe */
	double cpu_used;         /* processors, as the estimate found them */
	double slowdown_percent; /* the largest of all targets */
};

/* What a call costs is the average over all calls of all targets. */
void recording_cost_add(struct recording_cost *cost, const struct estimate *estimate);

/* Nothing is known of the calls but what probes on this machine cost: `traps`. */
void recording_cost_of_unknown(struct recording_cost *cost);

/* The calls are those of an interpreter's allocator, at sites of this kind. */
void recording_cost_of_python(struct recording_cost *cost, enum site_kind kind);

/*
 * Fills in the overhead of a recording of `wall_s` that saw so many calls. `used`: what the targets
 * used meanwhile; NULL where they have ended: as much as before, then.
 */
void recording_cost_fill(const struct recording_cost *cost, double wall_s, double calls,
			 const struct usage *used, struct snapshot *snapshot);

/* The same where it is known what was added. `used_s`: by the targets meanwhile; 0: not known. */
void recording_cost_fill_added(double added_s, double wall_s, double used_s,
			       struct snapshot *snapshot);

#endif
