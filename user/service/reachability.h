/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the blocks that a recording holds open are lost, and what the others are reachable by:
 * by looks at the memory of the processes (memory/reach.h), while these run on and are traced.
 */
#ifndef UNFREED_REACHABILITY_H
#define UNFREED_REACHABILITY_H

#include "../tracer/waiting.h"

struct reachability_request {
	const struct procfs *procfs;
	struct confined *confined;
	struct tracer *tracer;
	uint64_t budget_bytes; /* of our memory */
	bool freeze;           /* stop a process for each look, and read registers */
	struct loop *loop;     /* served meanwhile */
	/* Where this was interrupted, the rest is left; NULL: never. */
	const struct waiting *waiting;
};

/*
 * Takes about half a second a process, and half a minute at most. A process that cannot be judged
 * says why. To be freed; NULL: no memory.
 */
struct judged_blocks *reachability_find(const struct reachability_request *request);
void reachability_free(struct judged_blocks *judged); /* accepts NULL */

#endif
