/* SPDX-License-Identifier: BSD-2-Clause */
#include "find.h"

#include <ctype.h>
#include <string.h>

#include "names.h"
#include "report.h"

/* handlers[*] of handlers[12]: names are compared so first, as an index takes a search to find. */
static void make_generic(const char *name, char generic[OBJECT_NAME_BYTES])
{
	size_t used = 0;

	while (*name && used < OBJECT_NAME_BYTES - 4) {
		generic[used++] = *name;
		if (*name++ != '[' || !isdigit((unsigned char)*name))
			continue;
		generic[used++] = '*';
		while (isdigit((unsigned char)*name))
			name++;
	}
	generic[used] = '\0';
}

struct search {
	const struct graph *graph;
	const char *name;
	char generic[OBJECT_NAME_BYTES];
};

static bool is_named(const struct search *search, uint32_t node)
{
	char name[OBJECT_NAME_BYTES];

	if (!name_of_node(search->graph, node, NAME_GENERIC, name) || strcmp(name, search->generic))
		return false;
	return !strcmp(name, search->name) ||
	       (name_of_node(search->graph, node, 0, name) && !strcmp(name, search->name));
}

uint32_t objects_find_named(const struct objects *objects, const char *name)
{
	struct search search = {.graph = &objects->graph, .name = name};

	make_generic(name, search.generic);
	for (int containers = 1; containers >= 0 && objects->has_graph; containers--)
		for (size_t i = 0; i < objects->graph.order_count; i++) {
			uint32_t node = objects->graph.order[i];

			if (graph_type(&objects->graph, node) &&
			    objects_is_shown(&objects->graph, node) == containers &&
			    is_named(&search, node))
				return node;
		}
	return 0;
}

uint32_t objects_find_type(const struct objects *objects, const char *name)
{
	for (uint32_t i = 1; i < objects->types.count; i++)
		if (objects->types.items[i].count && !strcmp(objects->types.items[i].name, name))
			return i;
	return TYPE_NONE;
}
