/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each block of CPython's allocator, by probes on its four functions. Where the build has copies of
 * them inlined into their callers, these step aside only while the slots hold the functions' second
 * addresses (python/steer.h): some tool left them so, or it is asked for.
 */
#include "sources.h"

#include "../plan/request.h"

_Static_assert((int)CALLS <= (int)SOURCE_SITES_MAX, "a site for each function");

static size_t find_sites(const struct python_slots *slots, uint32_t pool_bytes, struct site *sites)
{
	(void)pool_bytes;
	for (int i = 0; i < CALLS; i++)
		sites[i] = *python_function_site(&slots->functions[i], slots->inlined);
	return CALLS;
}

/* A hook stands in the slot itself, but may have a copy of pymalloc of its own. */
static enum reason is_bypassed(const struct python_slots *slots)
{
	for (int i = 0; i < CALLS && slots->inlined; i++)
		if (!slots->functions[i].steered)
			return REASON_INLINED;
	return REASON_NONE;
}

static enum reason cannot_be_steered(const struct python_slots *slots)
{
	if (slots->hook != HOOK_NONE)
		return REASON_HOOK_IN_FRONT;
	for (int i = 0; i < CALLS; i++)
		if (!slots->functions[i].alias)
			return REASON_NO_SECOND_ADDRESS;
	return REASON_NONE;
}

const struct source python_exact = {
	.covers = COVERS_PYTHON,
	.name = "exact",
	.asked_as = PYTHON_EXACT,
	.every_block = true,
	.lacks = is_bypassed,
	.find_sites = find_sites,
};

const struct source python_steered = {
	.covers = COVERS_PYTHON,
	.name = "exact",
	.asked_as = PYTHON_EXACT,
	.writes = true,
	.every_block = true,
	.lacks = cannot_be_steered,
	.find_sites = find_sites,
};
