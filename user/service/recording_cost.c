/* SPDX-License-Identifier: BSD-2-Clause */
#include "recording_cost.h"

/* What a program does for each call of its allocator, at least, in pairs
 * of a malloc and its free. */
#define LEAST_PAIRS        2
#define LEAST_PAIRS_PYTHON 5

void recording_cost_add(struct recording_cost *cost, const struct estimate *estimate)
{
	double before = cost->calls_per_s, now = before + estimate->calls_per_s;
	double share = now > 0 ? estimate->calls_per_s / now : 1;

	cost->call.cost_ns += share * (estimate->call_cost_ns - cost->call.cost_ns);
	cost->call.base_ns += share * (estimate->call_base_ns - cost->call.base_ns);
	cost->call.least_ns = estimate->costs.pair_ns * LEAST_PAIRS;
	cost->calls_per_s = now;
	cost->cpu_used += estimate->cpu_used;
	usage_add(&cost->unprobed, &(struct usage){0}, &estimate->unprobed);
	cost->traps = estimate->costs;
	if (estimate->slowdown_percent > cost->slowdown_percent)
		cost->slowdown_percent = estimate->slowdown_percent;
}

void recording_cost_of_unknown(struct recording_cost *cost)
{
	cost->call = (struct call_times){
		.cost_ns = estimate_typical_call_ns(&cost->traps, SITE_EMULATED),
		.least_ns = cost->traps.pair_ns * LEAST_PAIRS,
	};
}

void recording_cost_of_python(struct recording_cost *cost, enum site_kind kind)
{
	cost->call = (struct call_times){
		.cost_ns = estimate_typical_call_ns(&cost->traps, kind),
		.least_ns = cost->traps.pair_ns * LEAST_PAIRS_PYTHON,
	};
}

void recording_cost_fill(const struct recording_cost *cost, double wall_s, double calls,
			 const struct usage *used, struct snapshot *snapshot)
{
	double added_s = calls * cost->call.cost_ns / 1e9;
	double base_s = used ? overhead_base_s(used, &cost->unprobed) : 0;
	double used_s = used ? used->cpu_s : wall_s * cost->cpu_used + added_s;

	if (cost->call.cost_ns == 0 || wall_s <= 0)
		return;
	snapshot->overhead_percent = base_s > 0 ? overhead_over(added_s, used_s, base_s)
						: overhead_by_calls(&cost->call, calls, used_s);
	if (used_s > 0)
		added_s = used_s * snapshot->overhead_percent / (100 + snapshot->overhead_percent);
	snapshot->overhead_core_percent = added_s * 100 / wall_s;
}

void recording_cost_fill_added(double added_s, double wall_s, double used_s,
			       struct snapshot *snapshot)
{
	if (wall_s <= 0 || used_s <= added_s)
		return;
	snapshot->overhead_core_percent = added_s * 100 / wall_s;
	snapshot->overhead_percent = added_s * 100 / (used_s - added_s);
}
