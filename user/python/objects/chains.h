/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names without a graph: by which chain some containers are held, found backwards, pass by pass
 * over a memory of any size, with little of our own. For where the objects of a process do not fit
 * into what the tool may use.
 */
#ifndef UNFREED_PYTHON_OBJECTS_CHAINS_H
#define UNFREED_PYTHON_OBJECTS_CHAINS_H

#include "references.h"

enum { CHAINS_MAX = 32 };

/* A container that a chain is wanted for. */
struct chain {
	uint64_t address;
	uint32_t type;
	uint64_t length;
	char *name;     /* as name_of_node() gives it; NULL: none was found */
	bool hidden;    /* a table of the interpreter's own, or the inside of another container */
	uint64_t bytes; /* of the container and its entries, about: by some of them */
};

struct chains {
	struct chain items[CHAINS_MAX];
	size_t count;
	size_t passes;         /* over all data */
	uint64_t passed_bytes; /* in all of them */
	bool full;             /* there were more holders than room */
};

/*
 * Looks for the chains of chains->items; all else in it is filled in. reader->view is cleared and
 * used, its pools need not be kept. `max_nodes` bounds the memory for holders that are looked at.
 * Returns 0 or a negative errno: -ESRCH, -ENOMEM.
 */
int chains_find(struct chains *chains, struct object_reader *reader,
		const struct python_interpreter *interpreter, uint64_t window_bytes,
		size_t max_nodes);
void chains_release(struct chains *chains);

/* NULL where it is none of them. */
const struct chain *chains_at(const struct chains *chains, uint64_t address);

#endif
