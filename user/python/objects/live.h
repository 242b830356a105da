/* SPDX-License-Identifier: BSD-2-Clause */
/* How much an interpreter's objects take, without reading them. */
#ifndef UNFREED_PYTHON_OBJECTS_LIVE_H
#define UNFREED_PYTHON_OBJECTS_LIVE_H

#include "objects.h"

/*
 * Bytes of blocks in use in pymalloc's pools, by the pools' headers alone: some ms for 100 MB.
 * Returns 0 or a negative errno: -ESRCH where the process is gone.
 */
int objects_live_bytes(const struct objects *objects, uint64_t *bytes);

/*
 * Which memory is that of pools, and what of it is in use, in the same way: the claims of
 * `objects->pools` are renewed, and nothing else of the last look. What lies in free lists counts
 * as in use. Returns as above; then the claims are of no use.
 */
int objects_claim_pools(struct objects *objects);

#endif
