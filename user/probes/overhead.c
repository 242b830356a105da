/* SPDX-License-Identifier: BSD-2-Clause */
#include "overhead.h"

#include <math.h>

/* On a busy machine probes cost more than in a moment of rest, but not more than so many times. */
#define COST_MAX_FACTOR 3.0

/* By how much the time for a call differs from one moment to the next without any probe. */
#define NOISE_FACTOR 1.25

/*
 * How far off are what probes are said to take of a call (a target's own code and data come from
 * further away behind them), and what follows from the share of the time that it is in its
 * allocation functions.
 */
#define TAKEN_ERROR   0.3
#define SAMPLED_ERROR 0.35

/* Of fewer transfers no pace can be told. */
#define TRANSFERS_ENOUGH 100

/* Of one that woke up as often what it does in a second is known. */
#define WAKES_ENOUGH 50

/* One that was to wake up so often, and did less, has always something to do. */
#define WAKES_LEAST 10

/* What a target does once that it woke up is more than a look at the clock. */
#define WAKES_CPU_S 0.0005

static bool runs_or_waits(const struct usage *usage, double wall_s)
{
	return usage->cpu_s + usage->waited_s > wall_s * 0.9;
}

/* A wait counts when it is over: on a machine that is overloaded some are longer than a window. */
bool overhead_is_full(const struct usage *usage, double wall_s)
{
	return runs_or_waits(usage, wall_s) || (usage->cpu_s > 0 && usage->sleeps < 1);
}

double overhead_left(double cpu_s, double taken_s)
{
	return fmax(cpu_s - taken_s, cpu_s * 0.02);
}

double overhead_call_base(double used_ns, double taken_ns, double sampled_ns, double samples)
{
	double left_ns = used_ns - taken_ns, of_left, of_sampled;

	if (sampled_ns <= 0 || samples < 1)
		return overhead_left(used_ns, taken_ns);
	of_left = 1 / pow(fmax(taken_ns * TAKEN_ERROR, 1), 2);
	of_sampled = 1 / (pow(sampled_ns, 2) * (pow(SAMPLED_ERROR, 2) + 1 / samples));
	return fmax((left_ns * of_left + sampled_ns * of_sampled) / (of_left + of_sampled),
		    sampled_ns / 2);
}

/* Where probes took the larger part, their error is that of what they left. */
static double unknown_base_ns(double used_ns, const struct call_times *times)
{
	double left_ns = used_ns - times->cost_ns;

	if (left_ns < times->cost_ns)
		left_ns -= (times->cost_ns - left_ns) * TAKEN_ERROR;
	return times->least_ns ? fmax(left_ns, fmin(times->least_ns, used_ns))
			       : fmax(left_ns, used_ns * 0.02);
}

double overhead_by_calls(const struct call_times *times, double calls, double used_s)
{
	double used_ns = calls ? used_s * 1e9 / calls : 0, cost_ns = times->cost_ns, base_ns;

	if (used_s <= 0 || !calls)
		return 0;
	if (!times->base_ns) {
		base_ns = unknown_base_ns(used_ns, times);
		return (used_ns - base_ns) * 100 / base_ns;
	}
	if (used_ns < NOISE_FACTOR * times->base_ns)
		return cost_ns * 100 / overhead_left(used_ns, cost_ns);
	cost_ns = fmin(fmax(used_ns - times->base_ns, cost_ns), COST_MAX_FACTOR * cost_ns);
	return cost_ns * 100 / fmax(used_ns - cost_ns, fmin(times->base_ns, used_ns));
}

/* Some processor time was left, so that what it does is what it is asked for. */
static bool has_time_left(const struct usage *usage)
{
	return usage->cpu_s + usage->waited_s < usage->wall_s * 0.7 &&
	       !overhead_is_full(usage, usage->wall_s);
}

double overhead_more(const struct usage *used, const struct usage *unprobed)
{
	double expected;

	if (!has_time_left(unprobed) || unprobed->sleeps < 1 || used->wall_s <= 0)
		return 0;
	expected = unprobed->sleeps / unprobed->wall_s * used->wall_s;
	if (expected >= WAKES_LEAST && used->sleeps < WAKES_LEAST &&
	    runs_or_waits(used, used->wall_s))
		return 0;
	return fmax(expected / fmax(used->sleeps, 1), 1);
}

double overhead_base_s(const struct usage *used, const struct usage *unprobed)
{
	bool had_time = has_time_left(used) && has_time_left(unprobed);

	if (unprobed->cpu_s >= OVERHEAD_CPU_ENOUGH_S && used->transfers >= TRANSFERS_ENOUGH &&
	    unprobed->transfers >= TRANSFERS_ENOUGH)
		return used->transfers * unprobed->cpu_s / unprobed->transfers;
	if (had_time && unprobed->cpu_s >= WAKES_CPU_S && unprobed->sleeps >= 1 &&
	    unprobed->sleeps < WAKES_ENOUGH)
		return used->sleeps * unprobed->cpu_s / unprobed->sleeps;
	if (had_time && unprobed->cpu_s >= OVERHEAD_CPU_ENOUGH_S)
		return used->wall_s * unprobed->cpu_s / unprobed->wall_s;
	return 0;
}

void overhead_take_left(struct usage *unprobed, const struct usage *used, double left_s,
			double taken_s)
{
	struct usage left = *used;

	if (unprobed->cpu_s >= OVERHEAD_CPU_ENOUGH_S || left_s <= taken_s)
		return;
	left.cpu_s = left_s;
	usage_add(unprobed, &(struct usage){0}, &left);
}

double overhead_over(double added_s, double used_s, double base_s)
{
	double really_s = fmax(used_s - base_s, added_s / COST_MAX_FACTOR);

	if (used_s <= 0)
		return 0;
	really_s = fmin(really_s, added_s * COST_MAX_FACTOR);
	return really_s * 100 / fmax(used_s - really_s, fmin(base_s, used_s));
}

double overhead_slowdown(double added_s, double left_s, bool full, double wall_s)
{
	double base_s = full ? left_s : fmax(left_s, wall_s);

	return base_s > 0 ? added_s * 100 / base_s : 0;
}
