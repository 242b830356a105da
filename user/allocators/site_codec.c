/* SPDX-License-Identifier: BSD-2-Clause */
#include "site_codec.h"

#include <string.h>

struct site_entry site_put(const struct site *site)
{
	struct site_entry entry = {
		.file_offset = site->file_offset,
		.cookie = site->cookie,
		.skipped = site->skipped,
		.kind = (uint16_t)site->kind,
		.role = (uint16_t)site->role,
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
 * What a function does and whose memory it is stays. At its entry a renumbered cookie names other
 * arguments, elsewhere it says where the result is, and the rest.
 */
static bool cookie_valid(const struct site_entry *entry, const struct alloc_function *function)
{
	static const uint64_t may_differ[ROLE_COUNT] = {
		[ROLE_CALL] = PROBE_COOKIE(0, 0, PROBE_NO_ARG, PROBE_NO_ARG, PROBE_NO_ARG),
		[ROLE_END] = PROBE_PLACE_BITS,
		[ROLE_DIRECT] = PROBE_PLACE_BITS | PROBE_DIRECT_BITS,
		[ROLE_NOTE] = PROBE_PLACE_BITS | PROBE_DIRECT_BITS,
	};

	return entry->role < ROLE_COUNT &&
	       !((entry->cookie ^ function->cookie) & ~may_differ[entry->role]);
}

bool site_take(const struct site_entry *entry, const struct alloc_function *function,
	       struct site *site)
{
	if (entry->kind > SITE_STEPPED || !cookie_valid(entry, function) ||
	    !is_printable(entry->instruction, sizeof(entry->instruction)))
		return false;
	*site = (struct site){
		.function = function,
		.cookie = entry->cookie,
		.file_offset = entry->file_offset,
		.skipped = entry->skipped,
		.kind = (enum site_kind)entry->kind,
		.role = (enum site_role)entry->role,
	};
	memcpy(site->instruction, entry->instruction, sizeof(site->instruction));
	return true;
}
