/* SPDX-License-Identifier: BSD-2-Clause */
/* What nothing refers to, at a look that has no graph. */
#ifndef UNFREED_PYTHON_OBJECTS_UNREFERENCED_H
#define UNFREED_PYTHON_OBJECTS_UNREFERENCED_H

#include "objects.h"

/* After such a look that was a copy: of what nothing referred to at the last look with a graph,
 * counts as stayed what is the same object still. */
void objects_recheck_lost(struct objects *objects);

#endif
