/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays that grow: an element pointer and a count, doubled whenever the count is a power of two.
 */
#ifndef UNFREED_ARRAY_H
#define UNFREED_ARRAY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for one more element of `size` bytes in *items. Returns false on out of memory. */
static inline bool array_reserve(void *items, size_t count, size_t size)
{
	void **array = items;
	void *grown;

	if (count & (count - 1) || (count == 0 && *array))
		return true;
	grown = reallocarray(*array, count ? count * 2 : 1, size);
	if (!grown)
		return false;
	*array = grown;
	return true;
}

/* Appends a value to an array given by the addresses of its pointer and count. */
#define array_append(items, count, value)                     \
	(array_reserve((items), *(count), sizeof(**(items)))  \
		 ? ((*(items))[(*(count))++] = (value), true) \
		 : false)

/*
 * Makes room in an array of `count` elements of `size` bytes that may not grow: every second one
 * goes, the first one stays. Returns how many are left.
 */
static inline size_t array_thin(void *items, size_t count, size_t size)
{
	char *bytes = items;
	size_t kept = 0;

	for (size_t i = 0; i < count; i += 2)
		memmove(bytes + kept++ * size, bytes + i * size, size);
	return kept;
}

#endif
