/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of a report on objects share. */
#ifndef UNFREED_PYTHON_OBJECTS_REPORT_H
#define UNFREED_PYTHON_OBJECTS_REPORT_H

#include "objects.h"

/* Whether a node is a container that people would call one. */
bool objects_is_shown(const struct graph *graph, uint32_t node);

/* Fills a container of a look from a node. `form`: enum name_form. */
void objects_describe(const struct objects *objects, uint32_t node, uint64_t bytes,
		      unsigned int form, struct look *look, struct look_container *container);

void objects_describe_at(const struct objects *objects, const struct object *object, uint64_t bytes,
			 const char *name, struct look *look, struct look_container *container);

/* What the collector says of itself, what it would free, and what C code holds or forgot. */
void objects_report_garbage(struct objects *objects, struct look *look);

/* Of memory that is streamed, by some objects of each type; what is held by C is not told. */
void objects_report_garbage_streamed(struct objects *objects, struct look *look);

/* Who holds what request->holders names. */
void objects_report_holders(const struct objects *objects, const struct objects_request *request,
			    struct look *look);

/* The same in memory that is streamed. */
void objects_report_holders_streamed(struct objects *objects, const struct objects_request *request,
				     struct look *look);

enum { HOLDERS_REPORTED = 100, IMMORTAL_COUNT = 1 << 30 };

/* In place of a chain. */
#define HOLDER_GARBAGE "garbage: nothing reaches it but itself"
#define HOLDER_UNFOUND "C code, a stack, or nobody any more"

#endif
