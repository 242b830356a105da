/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changed from one snapshot of a recording to the next: of interval reports. Their stacks are
 * told by their numbers, as names may become known from one report to the next. So it is for
 * snapshots that are made, not merged: there stacks have become one.
 */
#ifndef UNFREED_SNAPSHOT_SINCE_H
#define UNFREED_SNAPSHOT_SINCE_H

#include "snapshot.h"

struct since;

/* NULL on out of memory. */
struct since *since_new(void);
void since_free(struct since *since); /* accepts NULL */

/*
 * Says in the snapshot what changed since the one before, if there was one, and remembers this one
 * for the next. Aborts the program on out of memory, as snapshots do.
 */
void since_fill(struct since *since, struct snapshot *snapshot);

#endif
