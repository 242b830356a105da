/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds blocks, for people. */
#ifndef UNFREED_HOLDER_TEXT_H
#define UNFREED_HOLDER_TEXT_H

#include <stdio.h>

#include "../look/holder.h"

/* Prints `list of app`, `stack of thread 12 (worker)`, escaped. */
void holder_print(FILE *file, const struct holder *holder);

#endif
