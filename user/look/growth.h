/* SPDX-License-Identifier: BSD-2-Clause */
/* What grew between two looks. */
#ifndef UNFREED_LOOK_GROWTH_H
#define UNFREED_LOOK_GROWTH_H

#include "look.h"

/*
 * Types are matched by name; containers by address and type in one and the same process, the rest
 * by name and type. Returns the growth, most bytes first, in the zone of `after`; `before` may be
 * freed. A container that `before` does not list counts as new where it is larger than the smallest
 * one that is listed there: a smaller one may have been left out of the list. What shrank is listed
 * last.
 */
struct look_growth *look_diff(const struct look *before, struct look *after);

/* What changed of the resident bytes, of the parts and of malloc's chunks by size, into
 * `growth`. */
void look_diff_memory(const struct look *before, const struct look *after, struct zone *zone,
		      struct look_growth *growth);

/* Adds what changed of the classes of C++ to the types of `growth`. */
void look_diff_classes(const struct look *before, const struct look *after, struct zone *zone,
		       struct look_growth *growth);

/* Growth of memory in use, in bytes: of the parts that are no free memory, no file and not
 * shared. */
int64_t look_growth_live(const struct look_growth *growth);
uint64_t look_live_bytes(const struct look *look);

#endif
