/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_SNAPSHOT_MERGE_H
#define UNFREED_SNAPSHOT_MERGE_H

#include "snapshot.h"

/*
 * Adds several snapshots up into a new one, sorted: equal targets become one, and stacks of equal
 * frames, domain and target are added. The duration is the time in which at least one of them
 * watched; mode, overhead and minimum age are the worst of all. Returns NULL on out of memory.
 */
struct snapshot *snapshot_merge(struct snapshot *const *parts, size_t count);

/*
 * The same snapshot with the processes of one executable (and of one name) as one target, and their
 * equal stacks added up. Returns NULL on out of memory.
 */
struct snapshot *snapshot_merge_programs(const struct snapshot *snapshot);

#endif
