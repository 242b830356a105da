/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source of evidence, as a plan sees it: what of a target it shows, whether it is to be
 * had, where its probes go. One is added by a file in user/evidence/ and a row in sources.c
 * there: the plan chooses among rows, and whoever carries it out asks the row that was
 * chosen. All of it is pure.
 */
#ifndef UNFREED_PLAN_SOURCE_H
#define UNFREED_PLAN_SOURCE_H

#include "../python/allocator_slots.h"
#include "reason.h"

enum covered {
	COVERS_MALLOC, /* what malloc and its family give */
	COVERS_PYTHON, /* objects of CPython, in its own allocator */
};

enum { SOURCE_SITES_MAX = 16 };

struct source {
	enum covered covers;
	const char *name;
	int asked_as;     /* by malloc_request or python_request; is chosen otherwise too */
	bool writes;      /* into the target: only where it is asked for */
	bool every_block; /* a probe is hit for each: what that costs is to be seen to */
	bool by_pools;    /* its amounts are pools of blocks; when these are freed is not seen */
	/* Why it is not to be had of an interpreter. NULL: it always is. */
	enum reason (*lacks)(const struct python_slots *slots);
	/* Where to probe an interpreter, at most SOURCE_SITES_MAX. Returns how many. NULL: what the
	 * survey of a file found (allocators/survey.h). */
	size_t (*find_sites)(const struct python_slots *slots, uint32_t pool_bytes,
			     struct site *sites);
};

/* Of those that cover the same the ones that tell more stand before those that tell less. */
struct sources {
	const struct source *const *items;
	size_t count;
};

#endif
