/* SPDX-License-Identifier: BSD-2-Clause */
#include "homes.h"

#include <string.h>

#include "names.h"

enum { VOTES_MAX = 8 }; /* what was moved is told in its new place so many looks later */

/* How sure a way is. */
enum way { WAY_HELD, WAY_OF_FRAME, WAY_GUESSED, WAY_OF_C };

static enum way way_of_root(const struct objects *objects, uint32_t label)
{
	const char *text = labels_text(&objects->labels, label_value(label));

	switch (label_kind(label)) {
	case LABEL_C:
		return WAY_OF_C;
	case LABEL_RAW:
		return WAY_GUESSED;
	case LABEL_ROOT:
		return strncmp(text, ROOT_OF_FRAME, strlen(ROOT_OF_FRAME)) ? WAY_OF_FRAME
									   : WAY_GUESSED;
	default:
		return WAY_HELD;
	}
}

static enum way way_to(const struct objects *objects, uint32_t pattern)
{
	const struct pattern *patterns = objects->patterns.items;
	enum way way = WAY_HELD;

	for (; patterns[pattern].parent; pattern = patterns[pattern].parent)
		if (label_kind(patterns[pattern].label) == LABEL_RAW)
			way = WAY_GUESSED;
	enum way root = way_of_root(objects, patterns[pattern].label);
	return root > way ? root : way;
}

static void settle(struct objects *objects, struct container *container, uint32_t node,
		   uint32_t pattern)
{
	char name[OBJECT_NAME_BYTES];

	if (!name_of_node(&objects->graph, node, NAME_GENERIC, name))
		return;
	container->home = pattern;
	container->home_name = labels_number(&objects->labels, name);
	container->home_votes = 1;
}

static void vote(struct objects *objects, struct container *container)
{
	uint32_t node = graph_find(&objects->graph, container->address, false);
	uint32_t pattern = node ? patterns_of(&objects->patterns, node) : 0;

	if (!pattern)
		return;
	if (pattern == container->home) {
		container->home_votes += container->home_votes < VOTES_MAX;
		return;
	}
	enum way now = way_to(objects, pattern), home = way_to(objects, container->home);
	if (!container->home || now < home || (now == home && !container->home_votes))
		settle(objects, container, node, pattern);
	else if (now == home)
		container->home_votes--;
}

void homes_note(struct objects *objects)
{
	struct containers *containers = &objects->containers;

	for (size_t i = 0; i < containers->count; i++)
		if (container_grew(containers, &containers->items[i], true))
			vote(objects, &containers->items[i]);
}

/* What nothing leads to is thrown away mostly, and then gets no longer. */
static bool has_just_grown(const struct containers *containers, const struct container *container)
{
	const uint64_t *lengths = container->lengths;
	uint16_t last = containers->looks - 1;

	return lengths && last && container->look == last && lengths[last] > lengths[last - 1];
}

uint32_t homes_of(const struct objects *objects, const struct container *container,
		  uint32_t pattern, const char **name)
{
	uint32_t home = container->home;

	*name = NULL;
	if (!home || pattern == home || !container->home_name ||
	    (!pattern && !has_just_grown(&objects->containers, container)) ||
	    (pattern && !container->home_votes &&
	     way_to(objects, pattern) == way_to(objects, home)))
		return pattern;
	*name = labels_text(&objects->labels, container->home_name);
	return home;
}
