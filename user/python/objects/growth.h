/* SPDX-License-Identifier: BSD-2-Clause */
/* What grew between the first look and the last: types, containers, patterns of paths. */
#ifndef UNFREED_PYTHON_OBJECTS_GROWTH_H
#define UNFREED_PYTHON_OBJECTS_GROWTH_H

#include "objects.h"

/* Something that fills up: one container, many alike, a chain that is under no container; or a
 * value that is replaced by longer ones. */
struct grown {
	uint32_t container; /* index in objects->containers + 1; 0: none of its own */
	uint32_t pattern;   /* of the container, or of what is chained; 0: not reached */
	uint32_t node;      /* the container's, or an example of the pattern's objects */
	const char
		*name; /* of the container, where its node's is not to be told: see homes.h; NULL */
	uint32_t type; /* of the entries, TYPE_NONE: not known */
	uint64_t alike; /* containers that grow under this pattern */
	uint64_t length;
	int64_t entries;
	int64_t bytes;
	uint64_t bound; /* of `length`, where all of them have one; UINT64_MAX: none seen */
	bool counted;   /* objects under its pattern, and no entries of containers */
	bool tree;      /* the objects of a tree, whose head is its pattern: see trees.h */
	bool part;      /* of a tree that is told as a whole */
	bool still;     /* not in the later half of the looks */
	bool nested;    /* it lies in something that grows more */
	bool value;     /* `alike` values, `length` bytes; no entries */
	uint64_t slot;  /* of a value: the word that refers to it, or to the longest; 0: not known
			 * yet, see grown_words */
	bool sure;      /* of a value: it grew at enough looks not to do so by chance */
};

/*
 * All that grew, also values of which that is not sure yet, most bytes first: an array, the
 * caller's, with its length in *count; NULL where there is none or no memory. Without a graph in
 * the last look, names and patterns are missing.
 */
struct grown *objects_grown(const struct objects *objects, size_t *count);

void objects_report_growth(struct objects *objects, struct look *look);

#endif
