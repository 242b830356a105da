/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the memory of a process is: fills the parts of a look, and what belongs to them.
 */
#ifndef UNFREED_LOOK_PARTS_H
#define UNFREED_LOOK_PARTS_H

#include "../memory/arenas.h"
#include "../memory/claims.h"
#include "look.h"

struct parts_request {
	const struct procfs *procfs;
	pid_t pid;
	/* Where files of the process are read, to name an allocator that is linked in by its
	   symbols; NULL: it stays unnamed. */
	struct confined *confined;
	const struct regions *regions;      /* as read a moment ago */
	const struct memory_claims *claims; /* of CPython's allocator; NULL: none */
	/* Called with each chunk of malloc, for whoever wants to see them in the same walk, and
	   before that once with the heaps; NULL: nobody does. */
	chunk_fn *chunk;
	void (*heaps)(void *context, const struct arenas *arenas);
	void *context;
};

/*
 * Fills `look`: resident, swapped, proportional and huge bytes, parts, malloc, chunks by size,
 * mappings, malloc_problem, the limit and what was uncertain; hints come last, see hints.h. Costs
 * about 0.4 s of CPU time a GiB of malloc's heap, and keeps none of it. Returns 0 or a negative
 * errno: -ESRCH, -EPERM, -ENOMEM; then no part is set.
 */
int look_parts(const struct parts_request *request, struct look *look);

#endif
