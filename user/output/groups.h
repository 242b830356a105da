/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks put together by where they allocate: by the innermost Python frame, or by the caller of
 * the allocator where there is none; or by the innermost frame of the user's own code, whatever
 * libraries do below it (BY_APP).
 */
#ifndef UNFREED_GROUPS_H
#define UNFREED_GROUPS_H

#include "output.h"
#include "path_tails.h"

struct group {
	struct stack sum;          /* the largest stack, with the amounts of all of them; of what
				      is reachable without what holds it, where they are several */
	const struct frame *frame; /* its frame that names the group; NULL: it has none */
	size_t stacks;
	bool mixed;                   /* of several targets */
	struct reachability found;    /* what sum.reachability points to, of several */
	struct stack_objects objects; /* likewise of sum.objects */
	struct stack_type types[STACK_TYPES_MAX];
};

/*
 * Groups stacks that are sorted by live bytes, largest first. Returns an array, sorted likewise, to
 * be freed by the caller, and its length in *group_count; NULL on out of memory.
 */
struct group *groups_make(const struct snapshot *snapshot, const struct stack *const *stacks,
			  size_t count, enum group_by by, const struct app_paths *app,
			  size_t *group_count);

/* Prints what names the group, escaped. */
void group_print_name(FILE *file, const struct group *group, enum group_by by,
		      const struct path_tails *tails);

#endif
