/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paths as people write them: recommend.views.ENGINE.rows, local kept of make_handler
 * (handlers.py:41). Keys of dictionaries are data of the target's users: they are left out unless
 * asked for.
 */
#ifndef UNFREED_PYTHON_OBJECTS_NAMES_H
#define UNFREED_PYTHON_OBJECTS_NAMES_H

#include "graph.h"

enum { OBJECT_NAME_BYTES = 1024 };

enum name_form {
	NAME_WITH_KEYS = 1, /* keys of dictionaries that are strings are shown */
	NAME_GENERIC = 2,   /* [*] in place of each index: for many alike */
};

/* The way from the root to a node. Returns false where it is not reached; then `name` is empty. */
bool name_of_node(const struct graph *graph, uint32_t node, unsigned int form,
		  char name[OBJECT_NAME_BYTES]);

/* One step: what `label` adds to a name, on its way from an object to another. */
struct name_step {
	uint32_t label;
	uint32_t holder_type; /* TYPE_NONE: a root */
	uint64_t holder;
	uint64_t target;
};
void name_append(const struct object_reader *reader, const struct name_step *step,
		 unsigned int form, char name[OBJECT_NAME_BYTES]);

/* "make_handler (handlers.py:41)": a code object. */
void name_of_code(const struct object_reader *reader, uint64_t code, char *text, size_t size);

#endif
