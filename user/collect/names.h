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

/* Notes that this address will be asked for. Returns 0 or -ENOMEM. */
int names_want(struct names *names, const struct address *address);

/* Forgets those of modules that are leaving. */
void names_evict(struct names *names);

/* Looks up everything noted and not yet known, a file at a time. A file that fails costs its
 * names. */
void names_resolve(struct names *names);

/*
 * The names of an address that was noted and resolved, innermost first; *count is at least 1. The
 * vaddr goes to *vaddr.
 */
const struct symbol *names_get(const struct names *names, const struct address *address,
			       size_t *count, uint64_t *vaddr);

#endif
