/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of a text report: amounts, what names the entry, and the chain of calls. */
#ifndef UNFREED_TEXT_ENTRY_H
#define UNFREED_TEXT_ENTRY_H

#include "../analyze/net.h"
#include "columns.h"
#include "groups.h"

enum { ENTRY_INDENT = 6, CHAIN_INDENT = 8 };

struct text_report {
	struct columns columns;
	const struct snapshot *snapshot;
	const struct output_options *options;
	struct net net;
	struct path_tails *tails;
};

/*
 * Print one entry each, and the stacks that no reader could tell apart with what does. Return 0 or
 * -ENOMEM.
 */
int text_print_stacks(struct text_report *report, const struct stack *const *stacks, size_t count);
int text_print_group(struct text_report *report, const struct group *group, size_t rank);

/* What names an entry: the line that says most of the stack, and the chain of calls. Likewise. */
int text_print_stack(const struct text_report *report, struct columns *columns,
		     const struct stack *stack);

/* Fields that stand two spaces apart: lines end between them. The text is taken apart. */
void text_print_fields(struct columns *columns, char *text);

#endif
