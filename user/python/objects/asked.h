/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that somebody asks for: by type, by name or by address. */
#ifndef UNFREED_PYTHON_OBJECTS_ASKED_H
#define UNFREED_PYTHON_OBJECTS_ASKED_H

#include "objects.h"
#include "sampler.h"

struct asked {
	uint32_t *nodes; /* of the graph, each once; reached or not */
	size_t count;
	bool by_type;
};

/* After a look that was streamed: objects by their addresses. */
struct asked_streamed {
	struct sampler sampler; /* of many some: sampler.seen is all */
	bool *types;            /* where a type was asked for: which; by index */
	size_t type_count;
};

/*
 * Finds what a text means in the last look's graph: an address (0x7f…), else a type with instances,
 * qualified or by its last part alone, else a name as looks show them, where [*] stands for any
 * entry. Returns 0 (also where there is nothing of that kind) or -ENOMEM; release it either way.
 */
int asked_find(const struct objects *objects, const char *text, struct asked *asked);
void asked_release(struct asked *asked);

/* The same in memory that is streamed. `max` bounds how many are kept. */
int asked_find_streamed(struct objects *objects, const char *text, size_t max,
			struct asked_streamed *asked);
void asked_streamed_release(struct asked_streamed *asked);

#endif
