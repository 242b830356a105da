/* SPDX-License-Identifier: BSD-2-Clause */
/* How many files this process may have open, and none beyond those that it wants. */
#ifndef UNFREED_DESCRIPTORS_H
#define UNFREED_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

/* Raises the limit as far as it goes. Returns it; 0 where it cannot be told. */
size_t descriptors_allow(void);

/* Closes them from this one on. Returns whether that was done; glibc has it from 2.34 on. */
bool descriptors_close_from(int first);

#endif
