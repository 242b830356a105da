/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known and not to be told of, in the syntax of LeakSanitizer: a line `leak:PATTERN` each,
 * empty lines, and comments that begin with #. A pattern is found anywhere in a name; in it *
 * stands for anything, ^ at its beginning and $ at its end for those of the name.
 */
#ifndef UNFREED_ANALYZE_SUPPRESSIONS_H
#define UNFREED_ANALYZE_SUPPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { SUPPRESSIONS_BYTES_MAX = 1 << 20, SUPPRESSIONS_MAX = 10000 };

struct suppressions {
	struct zone *zone;
	const char **patterns; /* without `leak:`, in the order of the file */
	size_t count;
};

/*
 * Of a text of SUPPRESSIONS_BYTES_MAX at most. On failure returns NULL and puts into `error` (of
 * `error_size` bytes) the part of a sentence behind the file's name.
 */
struct suppressions *suppressions_read(const char *text, size_t size, char *error,
				       size_t error_size);
void suppressions_free(struct suppressions *suppressions); /* accepts NULL */

/* Whether a pattern matches a name; NULL and "" match none. */
bool suppression_matches(const char *pattern, const char *name);

#endif
