/* SPDX-License-Identifier: BSD-2-Clause */
#include "edge_types.h"

#include <stdlib.h>

enum {
	PLACES = 1 << 15, /* 512 kB; what finds none is not known, and believed */
	TYPES_KNOWN = 4,
	PROBES = 8,
};

struct edge {
	uint32_t holder_type;
	uint32_t label; /* 0: free */
	uint16_t types[TYPES_KNOWN];
};

struct edge_target {
	uint64_t edge; /* 0: free */
	uint64_t target;
};

struct edge_types {
	struct edge edges[PLACES];
	struct edge_target targets[PLACES];
};

struct edge_types *edge_types_new(void)
{
	return calloc(1, sizeof(struct edge_types));
}

void edge_types_free(struct edge_types *edges)
{
	free(edges);
}

/* Its place, or a free one; NULL where all that it may have are taken. */
static struct edge *find_place(const struct edge_types *edges, uint32_t holder_type, uint32_t label)
{
	uint64_t hash = ((uint64_t)holder_type << 32 | label) * UINT64_C(0x9E3779B97F4A7C15) >> 40;

	for (unsigned int i = 0; i < PROBES; i++) {
		const struct edge *edge = &edges->edges[(hash + i) % PLACES];

		if (!edge->label || (edge->holder_type == holder_type && edge->label == label))
			return (struct edge *)edge;
	}
	return NULL;
}

bool edge_types_expect(const struct edge_types *edges, uint32_t holder_type, uint32_t label,
		       uint32_t type)
{
	const struct edge *edge = find_place(edges, holder_type, label);

	if (!edge || !edge->label || edge->types[TYPES_KNOWN - 1])
		return true;
	for (unsigned int i = 0; i < TYPES_KNOWN && edge->types[i]; i++)
		if (edge->types[i] == type)
			return true;
	return false;
}

void edge_types_note(struct edge_types *edges, uint32_t holder_type, uint32_t label, uint32_t type)
{
	struct edge *edge = find_place(edges, holder_type, label);

	if (!edge || !label || !type || type > UINT16_MAX)
		return;
	edge->holder_type = holder_type;
	edge->label = label;
	for (unsigned int i = 0; i < TYPES_KNOWN; i++) {
		if (edge->types[i] == type)
			return;
		if (edge->types[i])
			continue;
		edge->types[i] = (uint16_t)type;
		return;
	}
}

uint64_t edge_targets_exchange(struct edge_types *edges, uint64_t holder, uint32_t label,
			       uint64_t target)
{
	uint64_t edge = (holder ^ (uint64_t)label << 40) * UINT64_C(0x9E3779B97F4A7C15) | 1;

	for (unsigned int i = 0; i < PROBES; i++) {
		struct edge_target *place = &edges->targets[((edge >> 40) + i) % PLACES];
		uint64_t before = place->target;

		if (place->edge && place->edge != edge)
			continue;
		*place = (struct edge_target){edge, target};
		return before;
	}
	return 0;
}
