/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_LOOK_ANONYMOUS_H
#define UNFREED_LOOK_ANONYMOUS_H

#include "../memory/regions.h"

/* Which runtime a process seems to have, by what it maps: decided once for a process. */
struct anonymous_owner {
	const char *name; /* "Java", "V8 (Node.js)"; NULL: nothing points to one */
};

struct anonymous_owner anonymous_owner_guess(const struct regions *regions);

/* Whose garbage may lie in blocks of malloc until it is collected: "Lua"; NULL
 * where nothing points to that. */
const char *anonymous_collector_guess(const struct regions *regions);

/* Whether what a guess named is an allocator that programs call as
 * malloc, and no runtime's heap. */
bool anonymous_is_allocator(const char *name);

/* Whether what was named frees garbage at times: until then it is in memory as what is kept. */
bool anonymous_is_collected(const char *name);

/*
 * What an anonymous mapping that is no stack and no heap of malloc is, as far as its name, its
 * rights and the process's runtime say: a static string, or one written to `text`.
 */
const char *anonymous_guess(const struct anonymous_owner *owner, const struct region *region,
			    char *text, size_t size);

#endif
