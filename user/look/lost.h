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

/* Fills `lost` and `lost_problem` of a look: by size and class, most bytes first. `classes` NULL:
 * none are told. */
void lost_report(const struct reach *reach, struct classes *classes, struct look *look);

#endif
