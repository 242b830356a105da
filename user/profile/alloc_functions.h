/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that a program has of its own to allocate with: zmalloc of redis, xmalloc of git,
 * ngx_alloc. What they return was asked for by who called them, and so they say as little as
 * malloc would: such a frame is taken for a library's, and the one that called it for the user's
 * own. (massif's --alloc-fn.)
 *
 * One is known by its name where that ends in alloc or allocate, or like one of the C library's:
 * malloc, calloc, realloc, strdup, strndup, memdup, memalign; these with suffixes such as _usable
 * too. Others are known by what they do: they stand directly above the allocator, and pass the size
 * that is wanted on to it, so that it is another one under each caller. Where the name speaks of
 * allocating two callers are enough, else ten with as many sizes less two, and it never calls code
 * of the user's that allocates. What makes objects of one size, as a constructor does, is none.
 */
#ifndef UNFREED_PROFILE_ALLOC_FUNCTIONS_H
#define UNFREED_PROFILE_ALLOC_FUNCTIONS_H

#include "snapshot.h"

struct named_function {
	const char *name;   /* interned by the snapshot */
	const char *module; /* likewise */
};

struct alloc_functions {
	struct named_function *items; /* sorted by these addresses */
	size_t count;
};

/* Of all stacks of a snapshot, which is to outlive them. Without memory for it there are none. */
void alloc_functions_find(struct alloc_functions *functions, const struct snapshot *snapshot);
void alloc_functions_release(struct alloc_functions *functions);

bool alloc_functions_have(const struct alloc_functions *functions, const struct frame *frame);

/* Whether a function's name, with or without its arguments, is the one that was given. */
bool alloc_function_is_called(const char *name, const char *wanted);

#endif
