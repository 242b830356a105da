/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of addresses, looked up once each: by the symbolizer for code in files, from the perf map
 * for a JIT's.
 */
#ifndef UNFREED_NAMES_H
#define UNFREED_NAMES_H

#include "../profile/snapshot.h"
#include "stack_table.h"

struct names;

/* NULL on out of memory. */
struct names *names_new(struct confined *confined);
void names_free(struct names *names);

/*
 * The name of an address in a file, to be looked up unless it was. It stays, whatever is looked up
 * besides, as long as the file's module. NULL where it is in none, or on out of memory.
 */
const struct name *names_want(struct names *names, const struct address *address);

/* Forgets those of modules that are leaving. */
void names_evict(struct names *names);

/*
 * Looks up everything wanted and not yet known, a file at a time. A file that fails costs
 * its names. Where answers may be late (confined_wait_until()), so may be names: they are
 * filled in by a later call.
 */
void names_resolve(struct names *names);

/* How many were wanted when they were looked up last, and are not known, or not in full. */
size_t names_late(const struct names *names);

/* How often a name was wanted, and how many were looked up. */
struct name_counts {
	uint64_t wanted;
	uint64_t resolved;
};

struct name_counts names_count(const struct names *names);

/*
 * The names of a frame, innermost first; *count is at least 1. Its address as the file counts goes
 * to *vaddr.
 */
const struct symbol *names_of(const struct stack_frame *frame, size_t *count, uint64_t *vaddr);

#endif
