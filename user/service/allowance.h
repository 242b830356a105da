/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What we may take of the processor for one process: one percent of what it uses itself while it is
 * watched, or, of one that does little, at least a second in all, of which a few looks are made:
 * that is no more than half a percent of a processor for what goes on all the time, and no less
 * than a tenth of one. Several that are looked at alike share that second. The last look is made
 * whatever is left, and on a busy machine looks cost more than those before them: some of that
 * percent is kept for it. Knows nothing of what looks do.
 */
#ifndef UNFREED_SERVICE_ALLOWANCE_H
#define UNFREED_SERVICE_ALLOWANCE_H

#include <stdbool.h>

#define ALLOWANCE_SHARE   0.0085 /* of the process's own processor time */
#define ALLOWANCE_FLOOR   0.005  /* of a processor, for a short time */
#define ALLOWANCE_LOW     0.001  /* the same for a long one */
#define ALLOWANCE_LEAST_S 1.0

/* Seconds. */
struct allowance {
	double duration; /* of all */
	double passed;   /* of it */
	double used;     /* by the process, of processors, meanwhile */
	double usual;    /* by it in a second of its life before; counts in the first seconds */
	double spent;    /* of ours, for it, and of its own by what we do */
	double steady;   /* of that: by what goes on alike until the end */
	double alike;    /* processes that are looked at like it, with itself; 0: it alone */
};

/* The share of a processor that is allowed. */
double allowance_share(const struct allowance *allowance);

/* What is left of it until the end, if the process goes on as it does; may be below 0. */
double allowance_left(const struct allowance *allowance);

/* Whether a first look at who holds what, two others that tell what grew, and two looks at what is
 * there fit into what is left, by the cost of one of each. */
bool allowance_has_first_graph(double left, double graph, double plain);

#endif
