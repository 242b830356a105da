/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When windows are due (opener.h), and which functions are rare enough to keep their probes in
 * between. Pure: knows figures alone, no clock and no probe. Nanoseconds; "cpu" is processor time
 * of all targets together, since windows began where nothing else is said.
 */
#ifndef UNFREED_PROBES_PACE_H
#define UNFREED_PROBES_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	double share;         /* of the targets' processor time, 0 to 1 */
	uint64_t chance;      /* the state of a generator, never 0 */
	uint64_t taken_ns;    /* processor time that windows take lately, at most, */
	uint64_t last_ns;     /* and as of when */
	uint64_t spent_ns;    /* by all of them */
	uint64_t hits;        /* of probes between windows, when they were counted last, */
	uint64_t hits_cpu_ns; /* and as of when: on the targets' clock, */
	uint64_t hits_at_ns;  /* and on that of the wall; 0: never */
};

/* Evenly in [0, 1). */
double pace_chance(struct pace *pace);

/* A window is over; `cpu_ns` is as of now. */
void pace_took(struct pace *pace, uint64_t took_ns, uint64_t cpu_ns);

/* What a window will take that lasts so long, where the targets use `rate` of a processor: by
 * those before and by what is used now, rather too much. As much is paid for when it is due. */
double pace_expected_ns(const struct pace *pace, double rate, double length_ns);

/*
 * When the targets will have used enough for the next window, on their clock: one that lasts so
 * long, where they use `rate` of a processor. What was left unused is not made up for at once.
 * `chance`, of pace_chance(), is of this window.
 */
double pace_due_ns(const struct pace *pace, double chance, double rate, double length_ns);

/* How long it takes to use so much more, as far as it is to be waited for at once. */
uint64_t pace_rest_ns(double left_ns, double rate);

/*
 * Whether there were more hits between windows since this was asked last than may be. Counted now
 * and then: at other times they are not. `cpu_ns` may be as of any start.
 */
bool pace_is_frequent(struct pace *pace, uint64_t hits, uint64_t cpu_ns, uint64_t now_ns);

#endif
