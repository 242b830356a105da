/* SPDX-License-Identifier: BSD-2-Clause */
#include "trees.h"

#include <errno.h>
#include <stdlib.h>

/* Not in a function that runs. */
static bool is_held(const struct patterns *patterns, uint32_t number)
{
	while (patterns->items[number].parent)
		number = patterns->items[number].parent;
	return label_kind(patterns->items[number].label) != LABEL_ROOT &&
	       label_kind(patterns->items[number].label) != LABEL_C &&
	       label_kind(patterns->items[number].label) != LABEL_VARIABLE;
}

static bool is_own(const struct python_object_types *types, uint32_t type)
{
	return types->items[type].flags & TYPE_HEAP;
}

/* Dictionaries in a dictionary are a tree where there are others in these, too. */
static void hang_up(struct trees *trees, const struct patterns *patterns,
		    const struct python_object_types *types)
{
	for (uint32_t i = 1; i < patterns->count; i++) {
		uint32_t like = patterns->items[i].like;

		if (!like || !(is_own(types, patterns->items[i].type) || patterns->items[i].folds))
			continue;
		if (!trees->heads[like])
			trees->sizes[trees->heads[like] = like] = 1;
		trees->heads[i] = trees->heads[like];
		trees->sizes[trees->heads[i]]++;
	}
}

/* By type of one's own, the head of most patterns that was always there and stays. */
static void choose_heads(const struct trees *trees, const struct patterns *patterns,
			 const struct python_object_types *types, uint32_t *chosen)
{
	for (uint32_t i = 1; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->items[i];
		uint32_t *best = &chosen[pattern->type];

		if (trees->heads[i] == i && pattern->counts[0] &&
		    pattern->counts[patterns->looks - 1] && pattern_is_steady(pattern) &&
		    is_held(patterns, i) && is_own(types, pattern->type) &&
		    (!*best || trees->sizes[i] > trees->sizes[*best]))
			*best = i;
	}
}

static bool wanders(const struct patterns *patterns, uint32_t head)
{
	const struct pattern *pattern = &patterns->items[head];

	return pattern->sampled && !pattern_is_steady(pattern) && is_held(patterns, head);
}

static void join_wandering(struct trees *trees, const struct patterns *patterns,
			   const uint32_t *chosen)
{
	for (uint32_t i = 1; i < patterns->count; i++) {
		uint32_t stays = chosen[patterns->items[i].type];

		if (trees->heads[i] != i || !stays || stays == i || !wanders(patterns, i))
			continue;
		trees->sizes[stays] += trees->sizes[i];
		trees->heads[i] = stays;
	}
	for (uint32_t i = 1; i < patterns->count; i++) /* what hung on those */
		trees->heads[i] = trees->heads[trees->heads[i]];
}

/* One pattern of links that hang on each other by an attribute. */
static void drop_chains(struct trees *trees, const struct patterns *patterns,
			const struct python_object_types *types)
{
	for (uint32_t i = 1; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->items[i];
		uint32_t head = trees->heads[i];

		if (head && pattern->like == head && pattern->parent == head &&
		    trees->sizes[head] == 2 && types->items[pattern->type].kind == KIND_PLAIN)
			trees->heads[i] = trees->heads[head] = 0;
	}
}

int trees_find(struct trees *trees, const struct patterns *patterns,
	       const struct python_object_types *types)
{
	uint32_t *chosen = calloc(types->count, sizeof(*chosen));

	*trees = (struct trees){
		.heads = calloc(patterns->count, sizeof(*trees->heads)),
		.sizes = calloc(patterns->count, sizeof(*trees->sizes)),
		.count = patterns->count,
	};
	if (!chosen || !trees->heads || !trees->sizes) {
		free(chosen);
		trees_release(trees);
		return -ENOMEM;
	}
	hang_up(trees, patterns, types);
	choose_heads(trees, patterns, types, chosen);
	join_wandering(trees, patterns, chosen);
	drop_chains(trees, patterns, types);
	free(chosen);
	return 0;
}

void trees_release(struct trees *trees)
{
	free(trees->heads);
	free(trees->sizes);
	*trees = (struct trees){0};
}

bool trees_hold_nodes(const struct trees *trees, const struct patterns *patterns, uint32_t number,
		      uint32_t head)
{
	if (trees->heads[number] == head && patterns->items[number].folds)
		return true;
	for (uint32_t i = number + 1; i < trees->count; i++)
		if (trees->heads[i] == head && patterns->items[i].parent == number)
			return true;
	return false;
}

static uint16_t add_up(uint16_t a, uint16_t b)
{
	return a + b < UINT16_MAX ? (uint16_t)(a + b) : UINT16_MAX;
}

struct pattern trees_sum(const struct trees *trees, const struct patterns *patterns, uint32_t head)
{
	struct pattern sum = {.type = patterns->items[head].type};

	for (uint32_t i = 1; i < trees->count; i++) {
		const struct pattern *pattern = &patterns->items[i];

		if (trees->heads[i] != head)
			continue;
		for (size_t look = 0; look < patterns->looks; look++)
			sum.counts[look] += pattern->counts[look];
		if (!pattern->like) /* where it begins says nothing of what is in it */
			continue;
		sum.sampled = add_up(sum.sampled, pattern->sampled);
		sum.stayed = add_up(sum.stayed, pattern->stayed);
	}
	return sum;
}
