/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of CPython that were freed, without a probe at their free: pymalloc's pools say which are
 * in use (python/objects/pool_states.h), so they are read for each report, and now and then, and
 * what is in the ledger and not in use is taken out. The target is not stopped.
 *
 * A block whose address was given out again is not in the ledger any more, as the new one's probe
 * has closed it. Of the others the ledger is gathered first and the pools are read then: what is
 * free there has been freed, as any newer block at that address is one of another time. So a report
 * is exact, of the blocks that were allocated by the moment at which the gathering began.
 *
 * What was in use when recording began, and is neither now nor in the ledger, was freed: the blocks
 * that are older than the trace.
 *
 * Of a process that has ended nothing can be read: what it freed since the last time stays, and is
 * counted as uncertain.
 */
#ifndef UNFREED_TRACER_PYTHON_FREES_H
#define UNFREED_TRACER_PYTHON_FREES_H

#include "../collect/collector.h"
#include "loaded.h"

struct python_frees;

/* Where there is none (NULL) nothing is done, and nothing found. */

/* All must outlive it. NULL on out of memory. */
struct python_frees *python_frees_new(const struct loaded *loaded,
				      const struct collector *collector);
void python_frees_free(struct python_frees *frees); /* accepts NULL */

/* An interpreter whose frees are not probed, with image->python. Returns 0 or a negative errno. */
int python_frees_add(struct python_frees *frees, struct image *image,
		     const struct python_counters *counters);
void python_frees_remove(struct python_frees *frees, const struct image *image);

/* What they have in use by now is older than the trace. Blocks are recorded already. */
void python_frees_start(struct python_frees *frees);

/* Takes out of the ledger what was freed. Costs a look at all pools and at the ledger. */
void python_frees_settle(struct python_frees *frees);

/* Does so now and then. To be called often. */
void python_frees_poll(struct python_frees *frees);

/* What was found the last time, into the images' accounts. */
void python_frees_account(const struct python_frees *frees);

/* All in all, of what was found the last time. */
struct python_frees_found {
	uint64_t uncertain;  /* blocks in the ledger that may have been freed */
	struct amount older; /* than the trace, that were freed since */
	uint64_t untrapped;  /* blocks of the ledger that were freed without a trap */
};
struct python_frees_found python_frees_found(const struct python_frees *frees);

#endif
