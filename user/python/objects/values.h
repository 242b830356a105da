/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are replaced by longer ones. Internal to objects.c and growth.c. */
#ifndef UNFREED_PYTHON_OBJECTS_VALUES_H
#define UNFREED_PYTHON_OBJECTS_VALUES_H

#include "growth_internal.h"

/*
 * Of a look that was just counted, and whose graph this is: reads those values again that only
 * became longer before and seem to be shorter now. What was replaced while it was copied is not
 * there any more, and something else is in its place.
 */
void values_read_again(struct patterns *patterns, const struct graph *graph);

/* Adds values that are replaced by longer ones, behind all else that grows. */
void growing_add_values(struct growing *growing);

#endif
