/* SPDX-License-Identifier: BSD-2-Clause */
/* What is lost and what is reachable, for people. */
#ifndef UNFREED_LABEL_REACH_H
#define UNFREED_LABEL_REACH_H

#include <stdio.h>

#include "../profile/snapshot.h"

/* The frame that stands in front of the blocks of a stack that are lost. */
#define LABEL_LOST "[lost]"

/* What of all targets is lost, every line ended; nothing where nobody asked. */
void label_print_reach_totals(FILE *file, const struct snapshot *snapshot);

/* The lines below a stack, indented; `with_holders`: it is one stack, and what
 * holds the rest is told too. */
void label_print_reach(FILE *file, const struct stack *stack, bool with_holders);

#endif
