/* SPDX-License-Identifier: BSD-2-Clause */
/* Where much of what was not freed runs through code without names: what would name it. */
#ifndef UNFREED_NAME_HINTS_H
#define UNFREED_NAME_HINTS_H

#include "columns.h"
#include "../profile/snapshot.h"

/* Prints a line for each kind of code that more than a fifth of the live bytes run through. */
void name_hints_print(struct columns *columns, const struct snapshot *snapshot);

#endif
