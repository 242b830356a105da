/* SPDX-License-Identifier: BSD-2-Clause */
/* How what was recorded in windows reads. */
#ifndef UNFREED_WINDOWS_LABEL_H
#define UNFREED_WINDOWS_LABEL_H

#include "columns.h"
#include "../profile/snapshot.h"

/* The windows, and what they could tell; nothing of other recordings. */
void windows_print(struct columns *columns, const struct snapshot *snapshot);

/* A stack's growth, with its interval and on how much it stands. */
void windows_print_growth(FILE *file, const struct stack_growth *growth);

/* Stacks that may be what grows, as it cannot be told, most first: an array that the caller frees,
 * NULL on out of memory. */
const struct stack **windows_suspects(const struct snapshot *snapshot, size_t *count);

#endif
