/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what was counted of a process to what exact tracing would cost it: arithmetic, over what was
 * measured.
 */
#ifndef UNFREED_ESTIMATE_COUNTED_H
#define UNFREED_ESTIMATE_COUNTED_H

#include "estimate.h"
#include "sampling.h"

/* An allocator's sites that are counted, by number: those at entries come first. */
size_t counted_sites(const struct allocator *allocator);
const struct site *counted_site(const struct allocator *allocator, size_t number);

/* Of all allocators together. */
size_t counted_all(const struct allocators *allocators);

struct counted {
	const struct allocators *allocators;
	const double *hits; /* of their sites, one allocator's behind the other's: */
	size_t hit_count;   /* of the first so many, the others were not counted */
	bool direct;        /* functions would be seen at their direct sites where they have some */
	struct usage used;  /* meanwhile */
	struct sample_share share;
};

/*
 * Fills in an estimate, whose costs are known, and what the process used without any probe where
 * that is. Returns 0 or -ENOMEM; it is to be released in any case.
 */
int estimate_conclude(struct estimate *estimate, const struct counted *counted);

#endif
