/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second half of opening a file of a target: from a held name to a readable descriptor.
 */
#ifndef UNFREED_OPEN_REGULAR_H
#define UNFREED_OPEN_REGULAR_H

#include <stdint.h>

/*
 * Reopens what the O_PATH descriptor `held` names for reading, without waiting, provided that it is
 * a regular file of at most `max_bytes`. Closes `held`. Returns a descriptor or a negative errno.
 */
int open_regular(int held, uint64_t max_bytes);

#endif
