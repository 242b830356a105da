/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a net of holders is garbage, by the rule of garbage.c: of what neither modules nor
 * running functions reach, the references that others of it have are counted; what has more than
 * these is held by C code, by a stack or by what was not followed, and stays with all that it
 * holds. So what was not looked for to the end is never called garbage.
 */
#include <stdlib.h>

#include "chains_internal.h"

static bool is_candidate(const struct holder *holder)
{
	return holder->kind == HOLDER_OBJECT && holder->rank >= RANK_C;
}

/* Objects that hold a table, which of those that do not stay is one at most. */
static bool is_of_candidates(const struct search *search, uint32_t table, const bool *owned)
{
	return search->holders[table].kind != HOLDER_C && owned[table];
}

static void find_owned(const struct search *search, bool *owned)
{
	for (size_t i = 0; i < search->holding_count; i++) {
		const struct holding *holding = &search->holdings[i];

		if (is_table(&search->holders[holding->held]) &&
		    is_candidate(&search->holders[holding->holder]))
			owned[holding->held] = true;
	}
}

/* Has what is not accounted for stay. */
static void keep_held(struct search *search, const uint32_t *references)
{
	struct object_reader *reader = search->reader;

	for (size_t i = 1; i < search->holder_count; i++) {
		struct holder *holder = &search->holders[i];

		holder->wanted = !is_candidate(holder) && !is_table(holder);
		if (!is_candidate(holder))
			continue;
		search_make_room(search);
		uint64_t count =
			python_refcount(reader->structs, object_word(reader, holder->address));
		holder->wanted = count > references[i] + holder->own ||
				 python_refcount_is_immortal(reader->structs, count);
	}
}

static void keep_below(struct search *search)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < search->holding_count; i++) {
			struct holder *held = &search->holders[search->holdings[i].held];
			const struct holder *holder = &search->holders[search->holdings[i].holder];

			/* from raw memory to raw memory nothing is sure */
			if (held->wanted || !holder->wanted || (is_table(holder) && is_table(held)))
				continue;
			held->wanted = changed = true;
		}
	}
}

void search_judge(struct search *search)
{
	uint32_t *references = calloc(search->holder_count, sizeof(*references));
	bool *owned = calloc(search->holder_count, sizeof(*owned));

	for (size_t i = 1; i < search->holder_count; i++)
		search->holders[i].wanted = true;
	if (references && owned) {
		find_owned(search, owned);
		for (size_t i = 0; i < search->holding_count; i++) {
			const struct holding *holding = &search->holdings[i];

			references[holding->held] +=
				is_candidate(&search->holders[holding->holder]) ||
				is_of_candidates(search, holding->holder, owned);
		}
		keep_held(search, references);
		keep_below(search);
	}
	free(references);
	free(owned);
}
