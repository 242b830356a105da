/* SPDX-License-Identifier: BSD-2-Clause */
/* Where much of what was not freed has no names, of code or of objects: what would give them. */
#ifndef UNFREED_NAME_HINTS_H
#define UNFREED_NAME_HINTS_H

#include "columns.h"
#include "../profile/snapshot.h"

/*
 * Prints a line for each kind of code that more than a fifth of the live bytes run through, and, of
 * --growth, one where a runtime keeps a heap of its own.
 */
void name_hints_print(struct columns *columns, const struct snapshot *snapshot);

#endif
