/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects of one running CPython, looked at once or again and again. Nothing is stopped and
 * nothing written.
 *
 * Where all that the interpreter may write fits into the memory that the tool may use, a look is a
 * copy with a graph, which gives names. Else memory is streamed: types and growth are all the same,
 * and names are found backwards from what grows and what is large (chains.h). Growth of many alike,
 * which is by patterns of paths where there is a graph, is by some of the objects that are new.
 */
#ifndef UNFREED_PYTHON_OBJECTS_OBJECTS_H
#define UNFREED_PYTHON_OBJECTS_OBJECTS_H

#include "../../look/look.h"
#include "../../memory/chunk_classes.h"
#include "chains.h"
#include "collector_state.h"
#include "containers.h"
#include "garbage.h"
#include "garbage_streamed.h"
#include "graph.h"
#include "newcomers.h"
#include "patterns.h"
#include "roots.h"

struct objects {
	const struct procfs *procfs;
	const struct python_interpreter *interpreter; /* the caller's, and outlives this */
	uint64_t budget_bytes;
	struct python_structs structs;
	struct regions regions;
	struct view *view;
	struct python_object_types types;
	struct object_pools pools;
	struct labels labels;
	struct object_reader reader;
	struct containers containers;
	struct patterns patterns;
	struct graph graph; /* of the last look that had one */
	bool has_graph;     /* false after a look without one */
	uint64_t *below;    /* by node: bytes that are reached through it first, with its own */
	bool chunks_known;  /* objects were found in the blocks of malloc, since there are no pools
			     */
	bool streamed;      /* the last look was */
	struct chains chains;        /* of a look that was streamed; see objects_find_chains */
	struct newcomers newcomers;  /* over looks that were */
	struct type_samples samples; /* of the last look, if it was */
	uint64_t beside_bytes; /* chunks of malloc that pools' objects have for tables and items */
	struct root_counts roots;
	struct garbage garbage;
	bool has_garbage;           /* it was looked for at the last look */
	struct type_series *series; /* by type: counts and bytes at the first look and the last */
	size_t looks;
	double first_time; /* of the first look and the last, in seconds */
	double last_time;
	uint64_t collections[2];      /* full ones, at the first look and the last */
	struct collector_cycle cycle; /* at the last look */
	size_t cycles;                /* whose end was seen */
	uint64_t cpu_ns;              /* that the last look took */
	uint64_t wall_ns;
};

struct type_series {
	uint64_t counts[2];
	uint64_t bytes[2];
	uint64_t old[2]; /* those that were there at the first look, at the second and the last */
};

/*
 * Takes the interpreter of a process. Returns 0, -ENOTSUP for a version that is not known, or
 * another negative errno. On failure nothing needs release.
 */
int objects_init(struct objects *objects, const struct procfs *procfs,
		 const struct python_interpreter *interpreter, uint64_t budget_bytes);
void objects_release(struct objects *objects);

/*
 * Looks. `graph`: also at who holds what, as far as there is room. Returns 0 or a negative errno:
 * -ESRCH where the process is gone.
 */
int objects_look(struct objects *objects, bool graph);

/*
 * Forgets the copy that the last look made, and the graph of it: what is asked for from here on is
 * read anew. Returns as objects_look does.
 */
int objects_forget_copy(struct objects *objects);

/*
 * After a look that was streamed: finds the names of what grows most and of what is longest. Does
 * nothing after other looks. Returns 0 or a negative errno.
 */
int objects_find_chains(struct objects *objects);

/*
 * After a look with a graph: bytes of malloc's blocks that Python's objects are, or, where they
 * hang on one of many alike, that belong to these. What one object alone has in C is memory of C,
 * and so is what as many objects as before have more of. Those beside objects in pools are in
 * beside_bytes. To be asked once after each such look, as it compares with the first.
 */
uint64_t objects_outside_bytes(struct objects *objects);

/* After that: adds the chunks of malloc that these bytes and beside_bytes are in, about. */
void objects_chunks(const struct objects *objects, struct chunk_classes *classes);

/*
 * After a look with a graph: whether nearly all entries of a container are weak references to what
 * something else holds. It then grows because that does.
 */
bool objects_hold_weakly(const struct objects *objects, uint32_t node);

struct objects_request {
	size_t containers; /* at most so many of the largest, */
	size_t caches;     /* and beside them of those that count their hits */
	bool with_keys;
	const char *holders; /* of what: a type, a name or an address; NULL: nothing */
};

/* Puts into a look what was found: types, containers, growth, the collector. */
void objects_report(struct objects *objects, const struct objects_request *request,
		    struct look *look);

#endif
