/* SPDX-License-Identifier: BSD-2-Clause */
/* What takes records in and what makes snapshots of them share. */
#ifndef UNFREED_COLLECTOR_INTERNAL_H
#define UNFREED_COLLECTOR_INTERNAL_H

#include "collector.h"
#include "stack_table.h"

struct collector {
	const struct ledger_view *view;
	struct images images;
	struct modules modules;
	struct stack_table stacks;
	struct names *names;
	struct unwinding *unwinding;
	size_t ended; /* images, since files were swept out */
	bool native_interpreter;
};

#endif
