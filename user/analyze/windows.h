/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which stacks grow, where allocations are seen in short windows alone, and by how much: derived in
 * docs/estimators.md.
 *
 * By how many chunks of a size the heap grew is measured, without a probe. Windows say whose
 * blocks of that size outlive the window that they were allocated in and are still there at
 * the end. One stack grows by no less than what is left of the growth when all others have all
 * of theirs kept, and by no more than its own. How many of its blocks are open is no evidence:
 * the end of most is not seen.
 */
#ifndef UNFREED_ANALYZE_WINDOWS_H
#define UNFREED_ANALYZE_WINDOWS_H

#include "../probes/overhead.h"
#include "../profile/snapshot.h"
#include "slope.h"

/* A size of chunks, in one process. */
struct window_class {
	bool known; /* else only that it may grow */
	bool grows; /* surely: no chance, and in both halves of the time */
	/* Chunks a second; low and high of a 95 % interval, `least` is lower than what chance
	 * makes of it once in thousands of sizes. */
	double per_s, low, high, least;
	double seconds; /* that the process was there */
	double factor;  /* a block of a first half stands for so many of it */
};

/* Fills in what numbers of live chunks over time say. Returns false where they are too few. */
bool window_class_measure(struct window_class *class, const struct sample *samples, size_t count);

/* Blocks of one stack and size that were allocated in first halves of
 * windows, and are still there. */
struct window_pair {
	size_t row;   /* the stack */
	size_t class; /* its place among the classes */
	uint64_t blocks;
	uint64_t bytes;
};

struct window_evidence {
	const struct window_class *classes;
	const struct window_pair *pairs; /* by class */
	size_t pair_count;
	double factor;  /* of all processes together */
	double seconds; /* that the recording lasted: what rates are of */
};

/*
 * The verdict on each stack: `growth` has a place for each row, zeroed, with blocks that it
 * allocated in windows in `births`.
 */
void windows_judge(const struct window_evidence *evidence, const uint64_t *births,
		   struct stack_growth *growth, size_t row_count);

/*
 * How many times longer targets take in windows, where they use so much processor time for
 * each call there: by what a call took before there were probes, and by what these cost,
 * whichever says more. Rather too much is said: what it is too little by makes a stack look as
 * if no other one could be it.
 */
double windows_slowed(double call_ns, const struct call_times *times);

/* Of times in which targets used so much processor time in first halves of windows, of so much
 * in all; slowed so many times by the probes. */
double windows_factor(double first_cpu_s, double total_cpu_s, double slowed);

#endif
