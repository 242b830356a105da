/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_LOOK_LOST_H
#define UNFREED_LOOK_LOST_H

#include "../memory/reach.h"
#include "classes.h"
#include "look.h"

/*
 * Refuses to judge processes with a runtime that keeps references in another form than their
 * addresses.
 */
void lost_judge_runtime(struct reach *reach, const struct regions *regions);

/*
 * Ends a look: reach_finish(). `frozen_ns` not NULL: with the process stopped for so long, which is
 * added to it, and with the registers of its threads. What fails is refused.
 */
void lost_finish_look(struct reach *reach, const struct procfs *procfs, pid_t pid,
		      uint64_t *frozen_ns);

/* A look of its own, from the heaps to the end. Likewise. */
void lost_look(struct reach *reach, const struct procfs *procfs, pid_t pid, uint64_t *frozen_ns);

/* Fills `lost` and `lost_problem` of a look: by size and class, most bytes first. `classes` NULL:
 * none are told. */
void lost_report(const struct reach *reach, struct classes *classes, struct look *look);

#endif
