/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All code that is reached from a function's entry: tail jumps to other functions of the same code
 * followed, those through the GOT included; calls not, but for those that never return, behind
 * which nothing is reached.
 */
#ifndef UNFREED_CODE_WALK_H
#define UNFREED_CODE_WALK_H

#include "code.h"

/* One way from an instruction to the next. */
struct code_step {
	uint64_t from; /* offset; CODE_NOWHERE: the function is entered */
	uint64_t to;
};

struct code_walk {
	const struct code *code; /* borrowed */
	struct decoder *decoder;
	uint8_t *seen;           /* a bit for each offset that an instruction was reached at */
	struct code_step *steps; /* sorted by where they lead to */
	size_t step_count;
	uint64_t *returns; /* offsets of the `ret`s, in no particular order */
	size_t return_count;
	/* False where the function may also go on in a way that was not followed (an indirect jump,
	 * another file, too much code). */
	bool complete;
};

/* `entry` is an offset in `code`. Returns 0, or -ENOMEM: then there is nothing to release. */
int code_walk_init(struct code_walk *walk, const struct code *code, uint64_t entry);
void code_walk_release(struct code_walk *walk);

/* Whether an instruction was reached at this offset. */
bool code_walk_saw(const struct code_walk *walk, uint64_t offset);

/* The first of the steps that lead to an offset; those that do follow each other. */
const struct code_step *code_walk_steps_to(const struct code_walk *walk, uint64_t offset,
					   size_t *count);

#endif
