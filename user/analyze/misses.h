/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether ever fewer look-ups of a cache miss, as its keys come to an end. */
#ifndef UNFREED_MISSES_H
#define UNFREED_MISSES_H

#include "verdict.h"

/*
 * Fills the shares of look-ups that missed, earlier and later. Returns false, and leaves them,
 * where too few were made, or not surely fewer missed later: within the watch by a tenth, against
 * all that was before it by a fifth, as loads change over days.
 */
bool misses_fall(const struct container_history *history, double *before, double *now);

#endif
