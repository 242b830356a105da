/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_GROWN_LABEL_H
#define UNFREED_GROWN_LABEL_H

#include <stdio.h>

#include "../profile/snapshot.h"

/*
 * By how much the processes grew, what of it was seen and where the rest is likely: two lines, each
 * ended; nothing where their memory is not known at both ends. In 80 columns.
 */
int grown_print(FILE *file, const struct snapshot *snapshot);

#endif
