/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool's header says how many of its blocks are in use and how large they are; 48 bytes of 16 KiB
 * are read of each, and only where pagemap says that they are there.
 */
#include "live.h"

#include <errno.h>

#include "../../memory/page_source.h"

enum { PAGE = VIEW_PAGE_BYTES, ASKED_PAGES = 4096 };

typedef void pool_fn(void *context, uint64_t address, uint64_t live_bytes);

struct counting {
	const struct object_pools *pools;
	struct page_source source;
	pool_fn *act;
	void *context;
};

static void count_pool(const struct counting *counting, uint64_t address)
{
	uint8_t header[POOL_HEADER_BYTES] __attribute__((aligned(8)));
	uint32_t used, size;

	if (!page_source_read(&counting->source, address, header, sizeof(header)) &&
	    object_pool_header(counting->pools, address, header, &size, &used))
		counting->act(counting->context, address, (uint64_t)used * size);
}

static int count_range(const struct counting *counting, uint64_t start, uint64_t end)
{
	static _Thread_local uint64_t states[ASKED_PAGES];
	uint64_t pool = UINT64_C(1) << counting->pools->structs->pool_shift;

	for (uint64_t at = start; at < end; at += sizeof(states) / sizeof(*states) * PAGE) {
		size_t count = (end - at) / PAGE < ASKED_PAGES ? (end - at) / PAGE : ASKED_PAGES;
		ssize_t got = counting->source.pagemap(&counting->source, at, states,
						       count * sizeof(*states));

		if (got <= 0)
			return -ESRCH;
		for (uint64_t i = 0; i < (uint64_t)got / sizeof(*states); i++)
			if (states[i] & PAGE_ENTRY_PRESENT && !((at + i * PAGE) & (pool - 1)))
				count_pool(counting, at + i * PAGE);
	}
	return 0;
}

/* Private, anonymous, writable: by the mappings, whose flags for the rest smaps alone would say. */
static bool may_hold_pools(const struct mapping *mapping)
{
	return mapping->readable && mapping->writable && !mapping->inode && !*mapping->path;
}

static int count_pools(const struct objects *objects, pool_fn *act, void *context)
{
	pid_t pid = objects->interpreter->memory.pid;
	struct counting counting = {.pools = &objects->pools, .act = act, .context = context};
	struct mappings mappings = {0};
	int error = page_source_open(&counting.source, pid, NULL);

	if (error)
		return error;
	error = mappings_read(objects->procfs, pid, &mappings);
	for (size_t i = 0; i < mappings.count && !error; i++)
		if (may_hold_pools(&mappings.items[i]))
			error = count_range(&counting, mappings.items[i].start,
					    mappings.items[i].end);
	mappings_release(&mappings);
	page_source_close(&counting.source);
	return error;
}

static void add_bytes(void *sum, uint64_t address, uint64_t live_bytes)
{
	(void)address;
	*(uint64_t *)sum += live_bytes;
}

int objects_live_bytes(const struct objects *objects, uint64_t *bytes)
{
	*bytes = 0;
	return count_pools(objects, add_bytes, bytes);
}

static void add_claim(void *pools, uint64_t address, uint64_t live_bytes)
{
	object_pools_claim(pools, address, live_bytes);
}

int objects_claim_pools(struct objects *objects)
{
	object_pools_drop_claims(&objects->pools);
	return count_pools(objects, add_claim, &objects->pools);
}
