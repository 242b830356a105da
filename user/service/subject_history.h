/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the looks so far found a subject to be, as its samples. Pure. */
#ifndef UNFREED_SERVICE_SUBJECT_HISTORY_H
#define UNFREED_SERVICE_SUBJECT_HISTORY_H

#include "subjects.h"

/* From sample to sample, in all. */
struct moves {
	uint64_t grown;
	uint64_t fallen;
	size_t ups; /* times that it grew */
};

struct moves history_moves(const struct subject *subject);

/* Of one container: the looks before the last. */
void history_of_container(struct subject *subject, const struct objects *objects,
			  const struct container *container);

/* Of many under one name: all looks that tell, and what they hold by the last one. */
void history_of_many(struct subject *subject, const struct objects *objects);

#endif
