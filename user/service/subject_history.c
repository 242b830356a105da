/* SPDX-License-Identifier: BSD-2-Clause */
#include "subject_history.h"

#include "../python/objects/trees.h"

struct moves history_moves(const struct subject *subject)
{
	struct moves moves = {0};

	for (size_t i = 1; i < subject->sample_count; i++) {
		uint64_t before = subject->samples[i - 1].length, now = subject->samples[i].length;

		moves.fallen += now < before ? before - now : 0;
		moves.grown += now > before ? now - before : 0;
		moves.ups += now > before;
	}
	return moves;
}

enum { LATE_OF_GROWN = 8 /* so much more must older containers have grown by */ };

static uint64_t length_at(const struct container *container, uint16_t look)
{
	return container->lengths ? container->lengths[look] : container->length0;
}

void history_of_container(struct subject *subject, const struct objects *objects,
			  const struct container *container)
{
	for (uint16_t i = container->look0; i + 1 < objects->containers.looks; i++)
		subject_add_sample(subject, objects->containers.times[i], length_at(container, i),
				   LOOK_UNKNOWN);
}

/* As one pattern: all of a tree. */
static struct pattern pattern_of(const struct subject *subject, const struct objects *objects)
{
	const struct patterns *patterns = &objects->patterns;
	struct pattern pattern = patterns->items[subject->pattern];
	struct trees trees;

	if (!subject->tree || trees_find(&trees, patterns, &objects->types))
		return pattern;
	if (trees.heads[subject->pattern])
		pattern = trees_sum(&trees, patterns, trees.heads[subject->pattern]);
	trees_release(&trees);
	return pattern;
}

static void add_pattern_history(struct subject *subject, const struct objects *objects)
{
	const struct patterns *patterns = &objects->patterns;
	const struct pattern pattern = pattern_of(subject, objects);

	subject->sample_count = 0;
	subject->turns_over = !pattern_is_steady(&pattern);
	for (size_t i = 0; i < patterns->looks; i++)
		subject_add_sample(subject, patterns->times[i], pattern.counts[i], LOOK_UNKNOWN);
}

/* What such containers hold at each look that counted it, whoever of them was there. */
static void add_history_of_items(struct subject *subject, const struct objects *objects)
{
	const struct patterns *patterns = &objects->patterns;
	uint64_t sums[PATTERN_LOOKS] = {0}, fleeting = 0;

	for (size_t i = subject->pattern + 1; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->items[i];

		if (pattern->parent != subject->pattern || label_kind(pattern->label) != LABEL_ITEM)
			continue;
		for (size_t look = 0; look < patterns->looks; look++)
			sums[look] += pattern->counts[look];
		if (!pattern_is_steady(pattern))
			fleeting += pattern->counts[patterns->looks - 1];
	}
	subject->turns_over = fleeting * 2 > sums[patterns->looks - 1];
	for (size_t look = 0; look < patterns->looks; look++)
		subject_add_sample(subject, patterns->times[look], sums[look], LOOK_UNKNOWN);
}

static bool is_of_pattern(const struct objects *objects, const struct container *container,
			  uint32_t pattern)
{
	uint32_t node = graph_find(&objects->graph, container->address, false);

	return node && patterns_of(&objects->patterns, node) == pattern;
}

/* The first look that counted by name. */
static uint16_t first_graph(const struct objects *objects)
{
	uint16_t look = 0;

	while (look + 1 < objects->containers.looks &&
	       objects->containers.times[look] < objects->patterns.times[0])
		look++;
	return look;
}

/* Whether most of what came took the place of what went, or may have: a level, at a few looks. */
static bool has_come_for_others(const struct subject *subject, int64_t came)
{
	size_t count = subject->sample_count;

	if (count < 2)
		return true;
	int64_t first = (int64_t)subject->samples[0].length;
	int64_t last = (int64_t)subject->samples[count - 1].length;
	return (last - first) * 2 < came;
}

/*
 * Many containers of one pattern: the sum of their lengths at each look. That leaves out those that
 * are gone by now, so that where others have come in their place what they hold is counted instead,
 * at looks that found names. A few may come beside those that get longer.
 */
static void add_history_of_lengths(struct subject *subject, const struct objects *objects)
{
	const struct containers *containers = &objects->containers;
	uint64_t sums[CONTAINER_LOOKS] = {0}, late = 0;
	int64_t grown = 0, came = 0;
	uint16_t named = first_graph(objects);

	subject->sample_count = 0;
	subject->turns_over = false;
	for (size_t i = 0; i < containers->count; i++) {
		const struct container *container = &containers->items[i];

		if (!is_of_pattern(objects, container, subject->pattern))
			continue;
		late += container->look0 ? container->length : 0;
		grown += container->look0 ? 0 : (int64_t)(container->length - container->length0);
		came += (int64_t)(container->length -
				  (container->look0 > named ? 0 : length_at(container, named)));
		for (uint16_t look = container->look0; look < containers->looks; look++)
			sums[look] += length_at(container, look);
	}
	if ((int64_t)(late * LATE_OF_GROWN) > grown) {
		add_history_of_items(subject, objects);
		subject->turns_over |= has_come_for_others(subject, came);
		return;
	}
	for (uint16_t look = 0; look < containers->looks; look++)
		subject_add_sample(subject, containers->times[look], sums[look], LOOK_UNKNOWN);
}

void history_of_many(struct subject *subject, const struct objects *objects)
{
	struct look_container *container = &subject->container;

	if (subject->of_lengths)
		add_history_of_lengths(subject, objects);
	else
		add_pattern_history(subject, objects);
	subject->looked_s = objects->last_time;
	container->length = subject->samples[subject->sample_count - 1].length;
	if (subject->bytes_per_entry > 0)
		container->bytes = (uint64_t)((double)container->length * subject->bytes_per_entry);
}
