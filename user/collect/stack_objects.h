/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the open blocks of interpreters hold: their types, by stack, read from the process as it is
 * now. So that a stack can be told from those that merely took a pool into use, or filled a free
 * list.
 *
 * Of many blocks of a stack some are read, chosen evenly, and stand for all of them.
 */
#ifndef UNFREED_STACK_OBJECTS_H
#define UNFREED_STACK_OBJECTS_H

#include "../profile/snapshot.h"
#include "ledger_view.h"
#include "stack_table.h"

struct stack_objects_request {
	const struct procfs *procfs;
	const struct ledger_view *view;
	const struct stack_table *stacks;
	uint64_t newest_ns;
	const struct live_blocks *live; /* by row, of pools what lives in them */
	uint64_t bytes_max;             /* to read, about */
};

/*
 * By row: an array of row_count pointers, zeroed, of which those of rows that could be looked into
 * are set to what lives as long as the snapshot. Returns 0 or -ENOMEM.
 */
int stack_objects_read(const struct stack_objects_request *request, struct snapshot *snapshot,
		       struct stack_objects **rows);

#endif
