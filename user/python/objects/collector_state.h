/* SPDX-License-Identifier: BSD-2-Clause */
/* The cyclic garbage collector's own numbers, read from a running interpreter. */
#ifndef UNFREED_PYTHON_OBJECTS_COLLECTOR_STATE_H
#define UNFREED_PYTHON_OBJECTS_COLLECTOR_STATE_H

#include "../../look/look.h"
#include "../../memory/view.h"
#include "../interpreter.h"

/* Of the first interpreter. */
struct collector_lists {
	uint64_t permanent; /* head of the list of frozen objects */
	uint64_t garbage;   /* gc.garbage: a list object, or 0 */
};

/* Of the first interpreter. Leaves gc->known false where the numbers make no sense. How many
 * objects are frozen is known only where there are none. */
void collector_read(const struct python_interpreter *interpreter, struct look_gc *gc,
		    struct collector_lists *lists);

/*
 * Goes through the objects that are frozen, which hardly change. Returns how many there are, or
 * LOOK_UNKNOWN where the list broke off.
 */
uint64_t collector_each_frozen(const struct collector_lists *lists, struct view *view,
			       void (*act)(void *context, uint64_t address), void *context);

/* How often the oldest generation was collected; 0 where that is not known. */
uint64_t collector_full_collections(const struct python_interpreter *interpreter);

#endif
