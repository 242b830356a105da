/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of C++ by class: which live chunks of malloc begin with a pointer to a virtual table, and
 * whose that is.
 */
#ifndef UNFREED_LOOK_CLASSES_H
#define UNFREED_LOOK_CLASSES_H

#include "../confine/confined.h"
#include "../memory/arenas.h"
#include "look.h"

struct classes;

/* All but the names must outlive it. NULL with errno. */
struct classes *classes_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
			    const struct regions *regions);
void classes_free(struct classes *classes); /* accepts NULL */

/* A chunk_fn: counts a chunk, by its first word alone. */
void classes_add(void *classes, const struct chunk *chunk);

/*
 * The class of objects that begin with a word, or NULL. Reads the process, or its files: once for
 * each word. Valid as long as `classes`.
 */
const char *classes_name(struct classes *classes, uint64_t word);

/* Adds the classes to the types of a look, and puts all in order: most bytes first. */
void classes_report(struct classes *classes, struct look *look);

#endif
