/* SPDX-License-Identifier: BSD-2-Clause */
/* How frames, targets and quantities read, the same in every format for people. */
#ifndef UNFREED_LABEL_H
#define UNFREED_LABEL_H

#include <stdio.h>

#include "../lib/quantity.h"
#include "../profile/snapshot.h"
#include "output.h"
#include "path_tails.h"

/* The frame that stands for what a truncated stack does not show. */
#define LABEL_TRUNCATED "[truncated]"

/* Marks a stack of which a part was walked by frame pointers, for want of anything better. */
#define LABEL_GUESSED "[guessed]"

/*
 * Prints the escaped label of a frame: `name`, for Python `name (file.py:line)`. Frames of equal
 * label are one frame to folded stacks and flame graphs.
 */
void label_print_frame(FILE *file, const struct frame *frame);

/* The same with as much of the file's path as tells it from others; NULL: its last component. */
void label_print_frame_apart(FILE *file, const struct frame *frame, const struct path_tails *tails);

/* Prints `name (file:line)`, or `name (module)` where no source is known, escaped. */
void label_print_frame_source(FILE *file, const struct frame *frame,
			      const struct path_tails *tails);

/* Prints where the frame comes from: `/path/file.c:12, module`; nothing where nothing is known. */
void label_print_origin(FILE *file, const struct frame *frame);

/* Prints the escaped comm of a target, as `comm (pid)` where several targets share it. */
void label_print_target(FILE *file, const struct snapshot *snapshot, size_t target);

/* Header lines of a report, escaped, without a newline. */
void label_print_targets(FILE *file, const struct snapshot *snapshot);    /* `app (12), …` */
void label_print_origin_of(FILE *file, const struct snapshot *snapshot);  /* date, host, version */
void label_print_conditions(FILE *file, const struct snapshot *snapshot); /* `60 s  exact …` */
void label_print_totals(FILE *file, const struct snapshot *snapshot); /* `12.4 MB in 3 blocks …` */
/* How interpreters were seen, every line ended: `Python 3.11.2: exact; 99.9 % of …`. */
void label_print_python(FILE *file, const struct snapshot *snapshot);
/* `losses: none · unknown frees: …`; a line for each loss, every further one begun by `indent`. */
void label_print_losses(FILE *file, const struct snapshot *snapshot, const char *indent);

bool stack_is_live(const struct stack *stack);

/* The live bytes or blocks of a stack. */
uint64_t stack_live(const struct stack *stack, enum count_unit unit);

/*
 * The stacks with something live, largest first by `unit`. Returns an array to be freed by the
 * caller and its length in *count; NULL on out of memory.
 */
const struct stack **stacks_live(const struct snapshot *snapshot, enum count_unit unit,
				 size_t *count);

#endif
