/* SPDX-License-Identifier: BSD-2-Clause */
/* Has blocks whose end no program sees taken out of the ledger: some
 * thousand in a run of `settle`. */
#ifndef UNFREED_TRACER_SETTLED_H
#define UNFREED_TRACER_SETTLED_H

#include "loaded.h"

struct settled_blocks {
	const struct loaded *loaded;
	struct settled *items; /* mapped */
	__u32 count;
};

/* `loaded` must outlive it. Returns 0 or a negative errno; what is zeroed may be closed. */
int settled_open(struct settled_blocks *settled, const struct loaded *loaded);
void settled_close(struct settled_blocks *settled);

/* What becomes of a block, see struct settled; it has happened once settled_run() is back. */
void settled_add(struct settled_blocks *settled, const struct settled *block);
void settled_run(struct settled_blocks *settled);

#endif
