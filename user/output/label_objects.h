/* SPDX-License-Identifier: BSD-2-Clause */
/* What the blocks of stacks hold, for people. */
#ifndef UNFREED_LABEL_OBJECTS_H
#define UNFREED_LABEL_OBJECTS_H

#include <stdbool.h>
#include <stdio.h>

#include "../profile/snapshot.h"

/* The frame that stands in front of blocks that may be another stack's. */
#define LABEL_REUSED "[reused]"

/* What free lists make uncertain, and where to ask instead, every line ended. In 80 columns. */
int label_print_object_notes(FILE *file, const struct snapshot *snapshot);

/* Whether the highest moment is one without the objects of an interpreter that are in pools. */
bool label_peak_is_partial(const struct snapshot *snapshot);

/* The lines below a stack, indented: its types, and what of it may be another's. */
void label_print_objects(FILE *file, const struct stack *stack);

/*
 * What of a stack has a frame of its own behind the last: what is lost of it, where that was asked,
 * else what may be another's. `frame` gets its name unless NULL.
 */
struct amount stack_apart(const struct stack *stack, const char **frame);

#endif
