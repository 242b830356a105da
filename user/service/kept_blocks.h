/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the blocks that a recording saw made is more than there was. A cache that is full makes
 * as many blocks as it frees, but those that it frees are older than the recording, which takes all
 * that it made for kept. How many blocks of each size the heap has more of (block_sizes.h) tells
 * them apart: of each size as many count, of whichever stack, as there came to be more.
 */
#ifndef UNFREED_SERVICE_KEPT_BLOCKS_H
#define UNFREED_SERVICE_KEPT_BLOCKS_H

#include "../collect/collector.h"
#include "../tracer/tracer.h"
#include "block_sizes.h"

struct kept_request {
	struct tracer *tracer; /* that has stopped, of one process */
	const struct block_sizes *sizes;
	double seconds;        /* that it recorded */
	uint64_t newest_ns;    /* CLOCK_MONOTONIC; of what is younger nothing is told */
	double bytes_at_least; /* by so much memory surely grew meanwhile */
};

/*
 * By row of the ledger, as tracer_snapshot() takes it: `allocated` is what was made and not freed,
 * `grown` what of that is more than there was. To be freed. NULL where sizes do not tell: the heap
 * cannot be read, or they explain less than half of the growth; or on out of memory.
 */
struct row_growth *kept_blocks_rows(const struct kept_request *request);

#endif
