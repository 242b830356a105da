/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library that is loaded by whoever wants it, as others are spared what it brings; in what `make
 * release` makes, which needs none of the host's, it is part of the program.
 */
#ifndef UNFREED_LIBRARY_H
#define UNFREED_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#ifdef UNFREED_RELEASE
#define LIBRARY_OWN(function) (void *)(function)
#else
#define LIBRARY_OWN(function) NULL
#endif

struct library_function {
	const char *name;
	void *place; /* of the pointer to it */
	void *own;   /* LIBRARY_OWN(): NULL where it is to be loaded */
};

/* Loads it, by the name of its ABI, for good, and fills the places. False where it is not
 * there, or has not all of them. */
bool library_load(const char *soname, const struct library_function *functions, size_t count);

#endif
