/* SPDX-License-Identifier: BSD-2-Clause */
/* The stacks under which a word was written, as answers have them. */
#ifndef UNFREED_SERVICE_FILLS_H
#define UNFREED_SERVICE_FILLS_H

#include "../analyze/answer.h"
#include "../evidence/watch.h"
#include "../python/objects/words.h"

struct fills {
	/* Those that make it grow, most first, or as fills_put_first has it. */
	struct answer_fill *grow;
	size_t grow_count;
	struct answer_fill *shrink;
	size_t shrink_count;
};

enum { FILLS_TOLD = 8 };

/* So many of them a reader is told. */
static inline size_t fills_told(size_t count)
{
	return count < FILLS_TOLD ? count : FILLS_TOLD;
}

enum watch_kind watch_kind_of(enum word_kind kind);

/* How many came, as far as a watch of such a word tells. */
uint64_t fills_entries(enum word_kind kind, const struct watch_result *result);

/* Adds copies of what a watch found, in the zone; to those from the same lines that are there. */
void fills_take(struct fills *fills, struct zone *zone, enum word_kind kind,
		const struct watch_result *result);

/* Of what entries leave too: puts those first whose entries stay. See analyze/fill_order.h. */
void fills_put_first(struct fills *fills, double stayed);

/* Whether the first ones explain what stayed: else who filled it is not seen yet. */
bool fills_tell(const struct fills *fills, double stayed);

#endif
