/* SPDX-License-Identifier: BSD-2-Clause */
/* How many files this process may have open. */
#ifndef UNFREED_DESCRIPTORS_H
#define UNFREED_DESCRIPTORS_H

#include <stddef.h>

/* Raises the limit as far as it goes. Returns it; 0 where it cannot be told. */
size_t descriptors_allow(void);

#endif
