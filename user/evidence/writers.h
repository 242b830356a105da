/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that wrote to watched words, by name. Python frames are named as soon as they are
 * seen, since their code objects may be gone later; of native ones the file is held open, and their
 * names wait until somebody asks.
 */
#ifndef UNFREED_WRITERS_H
#define UNFREED_WRITERS_H

#include "../collect/images.h"
#include "watch.h"

struct writers_config {
	const struct procfs *procfs;
	struct confined *confined;               /* or NULL, see struct watch_config */
	const struct python_interpreter *python; /* or NULL, likewise */
	pid_t pid;
	const struct watch_stack *stacks;          /* the programs' */
	const struct unwind_memory *unwind_memory; /* NULL: no tables are made */
};

struct writers;

/* Makes the unwind tables, where there is memory for them. NULL with errno. */
struct writers *writers_new(const struct writers_config *config);

/* Accepts NULL. */
void writers_free(struct writers *writers);

/* Names what is new in the first `used` stacks. */
void writers_take(struct writers *writers, size_t used);

/*
 * Those of one word, equal lines taken together: of a reference count whatever they did, else by
 * what they did. `*list` is malloc'd, with its frames owned by `writers`. Returns 0 or -ENOMEM.
 */
int writers_list(struct writers *writers, size_t word, bool refcount, struct watch_writer **list,
		 size_t *count);

#endif
