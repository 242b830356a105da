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

/*
 * How far the incremental collector of 3.14.0 to 3.14.4 is. Garbage is gone for sure at the end of
 * a cycle that began when it was there: so where two ends were seen, what was garbage before the
 * first of them is no more.
 */
struct collector_cycle {
	bool known;
	bool space; /* which of two spaces has what this cycle has visited */
	bool marks; /* it is at the beginning */
};
struct collector_cycle collector_cycle_read(const struct python_interpreter *interpreter);

/* Whether a cycle ended between two looks, as far as these show. */
bool collector_cycle_ended(const struct collector_cycle *before, const struct collector_cycle *now);

enum { COLLECTOR_CYCLES = 2 }; /* that must have ended */

#endif
