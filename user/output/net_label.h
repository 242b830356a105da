/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_NET_LABEL_H
#define UNFREED_NET_LABEL_H

#include "../analyze/net.h"
#include "columns.h"

/*
 * What came less what left, beside an interpreter's own count, every line ended; nothing where all
 * of what left was seen to come.
 */
void net_print(struct columns *columns, const struct snapshot *snapshot);

/* `  +12 MB/h`, or `  turns over`; nothing where no rate is known. */
void net_print_rate(FILE *file, const struct snapshot *snapshot, const struct net *net,
		    const struct stack *stack);

/* `  freed 1.2 of 5.8 MB`: what left of all that the stack allocated; nothing where none did. */
void net_print_freed(FILE *file, const struct snapshot *snapshot, const struct stack *stack);

#endif
