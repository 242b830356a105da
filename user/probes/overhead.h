/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What probes add to the processor time of a target, in percent of what it would have used without
 * them: arithmetic, over what was measured.
 */
#ifndef UNFREED_OVERHEAD_H
#define UNFREED_OVERHEAD_H

#include "../process/usage.h"

/* Of less time used, in seconds, no pace can be told. */
#define OVERHEAD_CPU_ENOUGH_S 0.005

/* A target that always ran, or was ready to: probes take from what it gets done. */
bool overhead_is_full(const struct usage *usage, double wall_s);

/*
 * How many times as much one that looks so would have done in that time without probes: 0: that
 * cannot be told, it is to be taken for full. Its threads may fill a processor together, or wait
 * for one, each of which has time left. One that had time left before does as much each time that
 * it wakes up, and is slowed by what that takes longer. Where it was to wake up a few times at
 * most, that is not exact, but far nearer than to take it for full.
 */
double overhead_more(const struct usage *used, const struct usage *unprobed);

/* What is left of a time of which so much was taken: never nothing. */
double overhead_left(double cpu_s, double taken_s);

/*
 * What a call would have taken without probes, in ns, where it took `used_ns` with them, which took
 * `taken_ns` of it; by another way, sampling, with so many samples (0: none), it is `sampled_ns`.
 * The more exact of the two weighs more: where probes took nearly all, what they left is a small
 * difference of large numbers.
 */
double overhead_call_base(double used_ns, double taken_ns, double sampled_ns, double samples);

/* What is known of the calls that were made, in ns of processor time for each. */
struct call_times {
	double cost_ns;  /* what probes add to one, at rest */
	double base_ns;  /* what the target used for each before; 0: unknown */
	double least_ns; /* less than that none is; 0: unknown */
};

/*
 * What probes added, in percent: `used_s` is with them. What the target used for each call before
 * says what they really cost, within reason. Where it is not known, and what they left may as well
 * be nothing, it is the least that a call takes: rather too much is said than too little.
 */
double overhead_by_calls(const struct call_times *times, double calls, double used_s);

/*
 * What the target would have used for what it did while it was recorded, by a time without any
 * probe: a server reads and writes as often for each request as before. One that had time left at
 * both times has as much to do in a second as before; where it woke up but a few times, which may
 * be more or fewer than in another such time, as much each time. 0: not known.
 */
double overhead_base_s(const struct usage *used, const struct usage *unprobed);

/*
 * Where the target did next to nothing in that time, one of little that probes took (`taken_s`, of
 * what was `used`) says as much by what they left: it is added to `unprobed`.
 */
void overhead_take_left(struct usage *unprobed, const struct usage *used, double left_s,
			double taken_s);

/*
 * What probes added, by that (`base_s`), in percent of it: within reason, as in overhead_by_calls.
 * Where they took most of the target's time this is far more exact.
 */
double overhead_over(double added_s, double used_s, double base_s);

/*
 * What probes would add, or do, that slows a target: of the processor time that it uses itself
 * (`left_s`), or of one processor where it is not always busy and uses less. One that had always
 * something to run did what it did in what they left: it would have done more without them.
 */
double overhead_slowdown(double added_s, double left_s, bool full, double wall_s);

#endif
