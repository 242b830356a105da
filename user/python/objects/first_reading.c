/* SPDX-License-Identifier: BSD-2-Clause */
#include "first_reading.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

bool first_reading_init(struct first_reading *first, const uint32_t *nodes, size_t count)
{
	*first = (struct first_reading){
		.nodes = calloc(count + 1, sizeof(*nodes)),
		.count = count,
	};
	if (!first->nodes)
		return false;
	memcpy(first->nodes, nodes, count * sizeof(*nodes));
	qsort(first->nodes, count, sizeof(*nodes), compare);
	return true;
}

void first_reading_release(struct first_reading *first)
{
	free(first->nodes);
	*first = (struct first_reading){0};
}

bool first_reading_has(const struct first_reading *first, uint32_t node)
{
	return bsearch(&node, first->nodes, first->count, sizeof(node), compare);
}
