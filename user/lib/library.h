/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that is loaded by whoever wants it, as others are spared what it brings. */
#ifndef UNFREED_LIBRARY_H
#define UNFREED_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct library_function {
	const char *name;
	void *place; /* of the pointer to it */
};

/* Loads it, by the name of its ABI, for good, and fills the places. False where it is not there, or has
 * not all of them. */
bool library_load(const char *soname, const struct library_function *functions, size_t count);

#endif
