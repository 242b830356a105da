/* SPDX-License-Identifier: BSD-2-Clause */
/* What grows, while it is being found. Internal to growth.c and values.c. */
#ifndef UNFREED_PYTHON_OBJECTS_GROWTH_INTERNAL_H
#define UNFREED_PYTHON_OBJECTS_GROWTH_INTERNAL_H

#include "growth.h"

struct growing {
	const struct objects *objects;
	const uint64_t *below; /* by node */
	uint64_t *first_below; /* by pattern */
	uint64_t *last_below;
	uint32_t *group_of; /* by pattern: index + 1 of what grows there */
	uint32_t *examples; /* by pattern: a node */
	struct grown *items;
	size_t count;
	size_t capacity;
};

/* One more, empty; NULL where there is no memory. Those before it may move. */
struct grown *growing_add(struct growing *growing);

/* Whether something further up grows already, so that this is the same growth. `below` leads from
 * `pattern` to what is asked about; 0: nothing does. */
struct grown *growing_above(const struct growing *growing, uint32_t pattern, uint32_t below);

/* Whether what is under a pattern comes and goes, so that few looks at it prove nothing. */
bool growing_is_fleeting(const struct objects *objects, uint32_t pattern);

/* Nor do more looks, where a pattern there, or several as one, is seen to grow at one of
 * them and not at the next. */
bool growing_by_chance(const struct objects *objects, uint32_t number,
		       const struct pattern *pattern);

/* Whether it is the entry of a cache, or part of code. */
bool growing_is_told_elsewhere(const struct objects *objects, uint32_t pattern);

#endif
