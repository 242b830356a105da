/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All code that is reached from a function's entry: tail jumps to other functions of the same code
 * followed, those through the GOT included; calls not, but for those that never return, behind
 * which nothing is reached. Or of the function's own code alone: then jumps out of it are where it
 * ends.
 */
#ifndef UNFREED_CODE_WALK_H
#define UNFREED_CODE_WALK_H

#include "code.h"

/* One way from an instruction to the next. */
struct code_step {
	uint64_t from; /* offset; CODE_NOWHERE: the function is entered */
	uint64_t to;
};

/* A function of the same code, and whether it returns. */
struct callee {
	uint64_t entry;
	bool returns;
};

struct code_walk {
	const struct code *code; /* borrowed */
	struct decoder *decoder;
	uint8_t *seen;           /* a bit for each offset that an instruction was reached at */
	struct code_step *steps; /* sorted by where they lead to */
	size_t step_count;
	uint64_t *returns; /* offsets of the `ret`s, in no particular order */
	size_t return_count;
	const struct code_walk_request *request; /* borrowed */
	struct callee *callees;                  /* judged so far */
	size_t callee_count;
	size_t judged;   /* instructions, on the way to that */
	uint64_t *exits; /* offsets of the jumps out of them, in no particular order */
	size_t exit_count;
	/* False where the function may also go on in a way that was not followed (an indirect jump,
	 * another file, too much code). */
	bool complete;
};

struct code_walk_request {
	const struct code *code; /* borrowed */
	uint64_t entry;          /* offset */
	uint64_t own_bytes;      /* how much of what is there is the function's own; 0: all that is
				    reached counts */
	bool judge_callees;      /* those of the same code, too, may never return */
};

/* Returns 0, or -ENOMEM: then there is nothing to release. */
int code_walk_init(struct code_walk *walk, const struct code_walk_request *request);
void code_walk_release(struct code_walk *walk);

/* The instruction at an offset of its code. False where none is known to begin there. */
bool code_walk_decode(const struct code_walk *walk, uint64_t offset,
		      struct instruction *instruction);

/* Of a call, whether it is known never to return. */
bool code_walk_never_returns(struct code_walk *walk, const struct instruction *call);

/*
 * Whether an exit leads to a function that fills memory, and so returns its first argument: memset
 * and the like, of other files by name; of a C library itself, which chooses one when it is
 * loaded, it is taken for granted.
 */
bool code_walk_ends_in_fill(const struct code_walk *walk, uint64_t exit);

/* Whether an instruction was reached at this offset. */
bool code_walk_saw(const struct code_walk *walk, uint64_t offset);

/* The first of the steps that lead to an offset; those that do follow each other. */
const struct code_step *code_walk_steps_to(const struct code_walk *walk, uint64_t offset,
					   size_t *count);

#endif
