/* SPDX-License-Identifier: BSD-2-Clause */
/* The stacks under which a word was written, as answers have them. */
#ifndef UNFREED_SERVICE_FILLS_H
#define UNFREED_SERVICE_FILLS_H

#include "../analyze/answer.h"
#include "../evidence/watch.h"
#include "../python/objects/words.h"

struct fills {
	struct answer_fill *grow; /* those that make it grow, most first */
	size_t grow_count;
	struct answer_fill *shrink;
	size_t shrink_count;
};

enum watch_kind watch_kind_of(enum word_kind kind);

/* Adds copies of what a watch found, in the zone. */
void fills_take(struct fills *fills, struct zone *zone, enum word_kind kind,
		const struct watch_result *result);

#endif
