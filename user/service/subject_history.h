/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the looks so far found a subject to be, as its samples. Pure. */
#ifndef UNFREED_SERVICE_SUBJECT_HISTORY_H
#define UNFREED_SERVICE_SUBJECT_HISTORY_H

#include "subjects.h"

/* Of one container: the looks before the last. */
void history_of_container(struct subject *subject, const struct objects *objects,
			  const struct container *container);

/* Of many under one name: all looks that tell, and what they hold by the last one. */
void history_of_many(struct subject *subject, const struct objects *objects);

#endif
