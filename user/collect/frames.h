/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of a known stack -> frames of a snapshot, root first.
 */
#ifndef UNFREED_FRAMES_H
#define UNFREED_FRAMES_H

#include "../profile/snapshot.h"
#include "../profile/frame_cache.h"
#include "names.h"

/* What the stacks of one snapshot are filled with. */
struct frames_filler {
	struct snapshot *snapshot;
	struct frame_cache *cache; /* of the snapshot */
	bool native_interpreter;
};

/*
 * Fills stack->frames of a stack that has its names: inlined calls become frames of their own;
 * allocation functions at the leaf are left out, so that it is their caller; code without a name is
 * `[module+0xoffset]`, or `[0xaddress]` outside of any file. Python frames stand in the place of
 * the interpreter's native ones, or with `native_interpreter` above the ones that run them.
 */
void frames_fill(struct frames_filler *filler, struct stack *stack,
		 const struct known_stack *known);

/* A single frame in brackets, for what has no stack. */
void frames_fill_placeholder(struct snapshot *snapshot, struct stack *stack, const char *name);

#endif
