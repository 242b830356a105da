/* SPDX-License-Identifier: BSD-2-Clause */
/* The cyclic garbage collector's own numbers, read from a running interpreter. */
#ifndef UNFREED_PYTHON_OBJECTS_COLLECTOR_STATE_H
#define UNFREED_PYTHON_OBJECTS_COLLECTOR_STATE_H

#include "../../look/look.h"
#include "../interpreter.h"

/* Of the first interpreter. Leaves gc->known false where the numbers make no sense. */
void collector_read(const struct python_interpreter *interpreter, struct look_gc *gc);

/* How often the oldest generation was collected; 0 where that is not known. */
uint64_t collector_full_collections(const struct python_interpreter *interpreter);

#endif
