/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of allocation functions, and how each one's arguments read.
 */
#ifndef UNFREED_FUNCTIONS_H
#define UNFREED_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/probes.h"

enum function_flags {
	/* Probed only in an object that defines malloc too: elsewhere it calls malloc and would
	   count twice. */
	FUNCTION_WITH_MALLOC = 1,
	/* May throw through a return probe, which would end the target: probed where it goes on to
	   a `ret`. */
	FUNCTION_THROWS = 2,
};

struct alloc_function {
	const char *name; /* as in the symbol table, mangled for C++ */
	uint64_t cookie;  /* PROBE_COOKIE(…) */
	unsigned int flags;
};

/* Returns the table, and its length in *count. */
const struct alloc_function *alloc_functions(size_t *count);

/* The place of a row in the table: less than ALLOC_FUNCTIONS_MAX. */
size_t alloc_function_number(const struct alloc_function *function);
enum { ALLOC_FUNCTIONS_MAX = 256 };

/* NULL where the name is not an allocation function. */
const struct alloc_function *alloc_function_find(const char *name);

#endif
