/* SPDX-License-Identifier: BSD-2-Clause */
/* What nothing refers to: whether that is so, and still so at a look that has no graph. */
#ifndef UNFREED_PYTHON_OBJECTS_UNREFERENCED_H
#define UNFREED_PYTHON_OBJECTS_UNREFERENCED_H

#include "objects.h"

/*
 * After such a look that was a copy, or after objects_forget_copy: of what nothing referred to at
 * the last look with a graph, counts as stayed what is the same object still.
 */
void objects_recheck_lost(struct objects *objects);

/*
 * After a look that was a copy: what any word of it refers to is lost no more, and counts neither
 * as lost nor as stayed. A container of which the graph saw a torn copy has its entries lost.
 */
void objects_drop_referred(struct objects *objects);

#endif
