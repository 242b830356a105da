/* SPDX-License-Identifier: BSD-2-Clause */
/* A site on the way between processes. The function that it is of travels beside it. */
#ifndef UNFREED_SITE_CODEC_H
#define UNFREED_SITE_CODEC_H

#include "sites.h"

struct site_entry {
	uint64_t file_offset;
	uint64_t cookie;
	uint32_t skipped;
	uint16_t kind;
	uint16_t role;
	char instruction[80];
};

_Static_assert(sizeof(struct site_entry) == 104, "");

struct site_entry site_put(const struct site *site);

/* Returns false where the entry is not what could be said of a site of this function. */
bool site_take(const struct site_entry *entry, const struct alloc_function *function,
	       struct site *site);

#endif
