/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that nothing reaches, and those that C code holds or lost. */
#ifndef UNFREED_PYTHON_OBJECTS_GARBAGE_H
#define UNFREED_PYTHON_OBJECTS_GARBAGE_H

#include "held.h"

/* By type. */
struct garbage_sum {
	uint64_t count; /* of garbage at the last look */
	uint64_t bytes;
	uint64_t frozen; /* of it what no collection looks at */
	/* Of what has more references than were found, at the first look and the last. */
	uint64_t held[2];
	uint64_t held_bytes[2];
	/* What nothing refers to, whether held before or not, at the first look and the last, with
	 * what only hangs on it. */
	uint64_t lost[2];
	uint64_t lost_bytes[2];
	/* Of what was lost at the look before, or, at a look without a graph, at the last one that
	 * had one, what is the same still: at the second look with a graph, and the last. */
	uint64_t stayed[2];
};

struct garbage {
	struct garbage_sum *sums; /* by index of the type */
	uint64_t *objects;        /* of the last look: address and type, in ascending order */
	size_t object_count;
	struct held_object *held; /* what has more references than were found, by keys */
	size_t held_count;
	struct held_object *held_before; /* likewise, at the look before */
	size_t held_before_count;
	size_t looks;
	uint64_t count;    /* of the last look, all types */
	uint64_t bytes[2]; /* of all types, at the first look and the last */
	uint64_t frozen;
};

/* Returns 0 or -ENOMEM. */
int garbage_init(struct garbage *garbage);
void garbage_release(struct garbage *garbage);

/*
 * Judges what the graph has not reached so far, which must be by modules and frames alone, and has
 * the graph leave out what is garbage from now on. From the second look on only what was garbage,
 * or held, at the look before counts. Returns 0 or -ENOMEM.
 */
int garbage_find(struct garbage *garbage, struct graph *graph);

/*
 * Once the graph has reached all that memory of unknown form and C code refer to: of what has more
 * references than were found, what nothing refers to.
 */
void garbage_find_lost(struct garbage *garbage, const struct graph *graph);

/* Sums up anew what is marked as lost; `types`: how many there are. */
void garbage_count_lost(struct garbage *garbage, size_t types);

/* A visitor of frozen objects, at their addresses: those that are garbage count as such. */
struct garbage_frozen {
	struct garbage *garbage;
	const struct graph *graph;
};
void garbage_see_frozen(void *context, uint64_t address);

#endif
