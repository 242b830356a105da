/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process of an inquiry costs, and what it may cost. */
#include "case.h"

#include <math.h>

#include "../lib/clock.h"

/* What looks cost before one was made, and what a graph does beside a look without. */
#define LOOK_S_PER_BYTE 3e-9
#define GRAPH_FACTOR    4
#define STILL_SHARE     0.005 /* of a processor */

enum { STILL_BYTES = 256 /* less is no growth */ };

static double last_of(const struct series *series, double otherwise)
{
	return series->count ? series->items[series->count - 1].value : otherwise;
}

double case_look_cost(const struct patient_case *kase, bool graph)
{
	double resident = last_of(&kase->resident, 0);

	double grown = graph && kase->graph.resident > 0 ? resident / kase->graph.resident : 1;

	if (kase->look_cost_s[graph] > 0)
		return kase->look_cost_s[graph] * fmax(grown, 1);
	if (graph && kase->look_cost_s[false] > 0)
		return kase->look_cost_s[false] * GRAPH_FACTOR;
	return resident * LOOK_S_PER_BYTE / (graph ? 1 : GRAPH_FACTOR);
}

double case_used_s(const struct patient_case *kase)
{
	return procfs_seconds(kase->cpu_ticks - kase->patient.status.cpu_ticks);
}

struct allowance case_allowance(const struct patient_case *kase, double until_s)
{
	return (struct allowance){
		.duration = until_s - kase->began_s,
		.passed = clock_s(CLOCK_MONOTONIC) - kase->began_s,
		.used = case_used_s(kase),
		.usual = kase->life_share,
		.spent = (double)kase->own_cpu_ns / NS_PER_S,
	};
}

bool case_is_still(const struct patient_case *kase)
{
	return kase->look && (kase->patient.looks > kase->graph.looks || kase->graph.counted > 0) &&
	       kase->last_count <= kase->graph.counted + STILL_BYTES &&
	       last_of(&kase->live, 0) <= kase->graph.live + STILL_BYTES &&
	       last_of(&kase->resident, 0) <= kase->graph.resident &&
	       case_used_s(kase) <= STILL_SHARE * (clock_s(CLOCK_MONOTONIC) - kase->began_s);
}

double case_cost_s(const struct patient_case *kase)
{
	double cost_s = kase->c_stacks.cost_s;

	for (size_t i = 0; i < kase->subjects.count; i++)
		cost_s += kase->subjects.items[i].cost_s;
	return cost_s;
}
