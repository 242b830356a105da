/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory and processor time the recorded processes take, when recording begins and when a
 * report is due, so that a report can say what of their growth was seen.
 */
#ifndef UNFREED_FOOTPRINTS_H
#define UNFREED_FOOTPRINTS_H

#include "../process/usage.h"
#include "../confine/confined.h"
#include "../profile/snapshot.h"
#include "../process/procfs.h"

struct footprints;

/* `procfs` and `confined` must outlive it. NULL on out of memory. */
struct footprints *footprints_new(const struct procfs *procfs, struct confined *confined);
void footprints_free(struct footprints *footprints); /* accepts NULL */

/*
 * Reads the memory of a process whose recording begins. One that cannot be read stays unknown. The
 * target is only read: some 0.1 to 0.4 s of CPU time a GiB, with a second for all processes; those
 * that come after that have no parts.
 */
void footprints_begin(struct footprints *footprints, pid_t pid);

/*
 * Reads the memory of the same processes again, at the moment that a report is about: making it
 * takes a while, in which they grow on. Before the last report looks take a hundredth of the time
 * that passes: where that is used up there are no parts.
 */
void footprints_measure(struct footprints *footprints, bool last);

/* What all these used between the two moments. False where one of them has ended. */
bool footprints_used(const struct footprints *footprints, struct usage *used);

/*
 * Fills what is known of the targets: their first moment, and the last one. Of those that came
 * since, which have no first one, the last is now.
 */
void footprints_fill(const struct footprints *footprints, struct snapshot *snapshot);

#endif
