/* SPDX-License-Identifier: BSD-2-Clause */
/* Growth of many alike in memory that is streamed. Internal to growth.c and stream.c. */
#ifndef UNFREED_PYTHON_OBJECTS_GROWTH_STREAMED_H
#define UNFREED_PYTHON_OBJECTS_GROWTH_STREAMED_H

#include "objects.h"

/* What functions that run hold comes and goes: with fewer looks it proves nothing. */
enum { LOOKS_OF_FRAMES = 6 };

/* Adds those newcomers to the chains that are to be looked for. */
void growth_choose_newcomers(struct objects *objects);

/*
 * Of rows that tell single containers, makes one of many under the same name, and adds where
 * newcomers stay that are in none of them. `rows` has room for `max`. Returns how many there are.
 */
size_t growth_add_streamed(struct objects *objects, struct look *look, struct look_grown *rows,
			   size_t count, size_t max);

#endif
