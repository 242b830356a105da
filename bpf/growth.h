/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: pages that were touched for the first time, as blocks of the ledger, and what user
 * space tells of blocks whose end no program sees.
 */
#ifndef UNFREED_GROWTH_H
#define UNFREED_GROWTH_H

#include "types.h"

#define SETTLED_MAX 4096 /* in one run of `settle` */

/* What became of a block. W: user space, mapped. */
struct settled {
	__u64 key;
	__u64 time_ns; /* of the block that was looked at: a newer one is left as it is */
	__u64 bytes;   /* what it stands for; 0: it is gone, or, a page, no growth */
};

/*
 * Pages are sampled by address: of one that is taken every fault is seen, so that a
 * block never stands for a page that another stack has touched since. `mask` 0: all are
 * taken, else one of mask + 1.
 */
#define PAGE_IS_TAKEN(address, mask) (!(((address) >> 12) * 0x9e3779b97f4a7c15ull >> 40 & (mask)))

/* Faults of the targets, and what the program took for those that it looked at. W: programs. */
struct fault_counts {
	__u64 faults;
	__u64 program_ns;
};

_Static_assert(sizeof(struct settled) == 24, "");

#endif
