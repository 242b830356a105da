/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lives in the pools of interpreters that are traced by their pools.
 *
 * Such a block of the ledger is a pool, from the moment when the interpreter took it into use. How
 * much of it is in use says its header, read now. The whole of it is attributed to the stack that
 * took it into use.
 */
#ifndef UNFREED_POOLS_H
#define UNFREED_POOLS_H

#include "ledger_view.h"
#include "stack_table.h"

/* Whether the blocks of this stack are pools. `known` may be NULL. */
bool pools_has(const struct known_stack *known);

/*
 * Replaces the sums of such stacks in `live` by what lives in the pools, in bytes of size classes.
 * The pools of a process that is gone stay whole. Returns 0 or -ENOMEM.
 */
int pools_read_live(const struct ledger_view *view, const struct stack_table *stacks,
		    uint64_t newest_ns, struct live_blocks *live);

#endif
