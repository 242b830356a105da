/* SPDX-License-Identifier: BSD-2-Clause */
#include "subject_parts.h"

#include "../python/objects/trees.h"
#include "subject_history.h"

bool subject_comes_and_goes(const struct subject *subject)
{
	struct moves moves = history_moves(subject);

	return moves.fallen * 2 > moves.grown;
}

void subject_parts_mark(const struct subjects *subjects, struct patterns *patterns)
{
	for (size_t i = 0; i < subjects->count; i++) {
		const struct subject *subject = &subjects->items[i];

		if (subject->length_address && subject->pattern && !subject->value.known)
			patterns->items[subject->pattern].falls = subject_comes_and_goes(subject);
	}
}

/* In which of those that are one container each it lies. */
static size_t find_within(const struct subjects *subjects, const struct patterns *patterns,
			  const struct subject *subject)
{
	for (uint32_t at = subject->alike ? subject->pattern : 0; at;
	     at = patterns->items[at].parent)
		for (size_t i = 0; i < subjects->count; i++)
			if (subjects->items[i].length_address && subjects->items[i].pattern == at)
				return i + 1;
	return 0;
}

/* What is told as a tree at one look may have been told by what its nodes are in at another one. */
static void find_parts_of_trees(const struct subjects *subjects, const struct objects *objects)
{
	const struct patterns *patterns = &objects->patterns;
	struct trees trees;

	if (trees_find(&trees, patterns, &objects->types))
		return;
	for (size_t i = 0; i < subjects->count; i++)
		for (size_t j = 0; j < subjects->count && !subjects->items[i].tree; j++)
			if (subjects->items[j].tree && subjects->items[i].pattern &&
			    trees_hold_nodes(&trees, patterns, subjects->items[i].pattern,
					     trees.heads[subjects->items[j].pattern]))
				subjects->items[i].within = j + 1;
	trees_release(&trees);
}

static bool has_tree(const struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->items[i].tree)
			return true;
	return false;
}

void subject_parts_find(struct subjects *subjects, const struct objects *objects)
{
	if (!objects->has_graph)
		return;
	for (size_t i = 0; i < subjects->count; i++)
		subjects->items[i].within =
			find_within(subjects, &objects->patterns, &subjects->items[i]);
	if (has_tree(subjects))
		find_parts_of_trees(subjects, objects);
}
