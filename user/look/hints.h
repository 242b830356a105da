/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_LOOK_HINTS_H
#define UNFREED_LOOK_HINTS_H

#include "look.h"

/*
 * Sentences that follow from the figures of a look alone, such as "malloc_trim(0) would return
 * 237 MB": put into its zone, the weightiest first. Figures that are too small to matter say
 * nothing.
 */
void look_add_hints(struct look *look);

#endif
