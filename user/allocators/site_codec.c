// SPDX-License-Identifier: BSD-2-Clause
#include "site_codec.h"

#include <string.h>

struct site_entry site_put(const struct site *site)
{
	struct site_entry entry = {
		.file_offset = site->file_offset,
		.cookie = site->cookie,
		.skipped = site->skipped,
		.kind = site->kind,
	};

	memcpy(entry.instruction, site->instruction, sizeof(entry.instruction));
	return entry;
}

static bool is_printable(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/*
 * A renumbered cookie names other arguments, and where the function ends, where the result is; what
 * it does and whose memory it is stays.
 */
static bool cookie_valid(uint64_t cookie, uint64_t original, bool may_end)
{
	const uint64_t arguments = PROBE_COOKIE(0, 0, PROBE_NO_ARG, PROBE_NO_ARG, PROBE_NO_ARG);
	const uint64_t may_differ = may_end ? PROBE_PLACE_BITS : arguments;

	return !((cookie ^ original) & ~may_differ);
}

bool site_take(const struct site_entry *entry, const struct alloc_function *function, bool may_end,
	       struct site *site)
{
	if (entry->kind > SITE_STEPPED || !cookie_valid(entry->cookie, function->cookie, may_end) ||
	    !is_printable(entry->instruction, sizeof(entry->instruction)))
		return false;
	*site = (struct site){
		.function = function,
		.cookie = entry->cookie,
		.file_offset = entry->file_offset,
		.skipped = entry->skipped,
		.kind = (enum site_kind)entry->kind,
	};
	memcpy(site->instruction, entry->instruction, sizeof(site->instruction));
	return true;
}
