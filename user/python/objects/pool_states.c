/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Torn readings. The header comes first, and a list of free blocks that is followed later agrees
 * with what the header counted, unless it changed; where a block was given out meanwhile its first
 * word may be anything, also the address of another block in the pool. So the header is read once
 * more behind it: a pool counts as read where it is the same.
 */
#include "pool_states.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../arch/memory.h"
#include "../../lib/array.h"
#include "pools.h"

enum { READINGS = 100, PAGE = MACHINE_PAGE_BYTES, PAGES_MAX = POOL_BYTES_MAX / PAGE };

struct pool_state {
	uint64_t address;
	uint16_t size;  /* of a block; 0: it is no pool, or nobody uses it */
	uint16_t count; /* of its bits */
	bool unread;
	size_t first; /* of the words with its bits: set: in use */
};

struct pool_states {
	uint32_t bytes;
	struct pool_state *items; /* ascending */
	size_t count;
	uint64_t *words;
	size_t word_count;
};

static int compare_addresses(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* What is there of a pool: behind it are blocks that were never used. */
static enum pool_result read_once(const struct page_source *source,
				  const struct pool_states *states, uint64_t address,
				  uint32_t there, struct pool_blocks *found)
{
	_Alignas(8) uint8_t pool[POOL_BYTES_MAX], again[POOL_HEADER_BYTES];

	memset(pool + there, 0, states->bytes - there);
	if (page_source_read(source, address, pool, there))
		return POOL_NONE;
	enum pool_result result = object_pool_parse(pool, states->bytes, address, found);
	if (result != POOL_READ)
		return result;
	if (page_source_read(source, address, again, sizeof(again)))
		return POOL_NONE;
	return memcmp(pool, again, sizeof(again)) ? POOL_TORN : POOL_READ;
}

/* So many bytes of a pool, from its beginning on, are in memory: 0: it is none.
 * What is in swap stays there. */
static uint32_t ask(const struct page_source *source, uint64_t address, uint32_t bytes,
		    bool *swapped)
{
	uint64_t entries[PAGES_MAX] = {0};
	uint32_t pages = bytes / PAGE, there = 0;
	ssize_t got = source->pagemap(source, address, entries, pages * sizeof(*entries));

	*swapped = false;
	for (uint32_t i = 0; i < pages && got > 0; i++)
		*swapped |= page_entry_is_swapped(entries[i]);
	while (there < pages && entries[there] & PAGE_ENTRY_PRESENT)
		there++;
	return there * PAGE;
}

static bool keep(struct pool_states *states, struct pool_state *pool,
		 const struct pool_blocks *found)
{
	uint64_t word = 0;

	pool->size = (uint16_t)found->size;
	pool->count = (uint16_t)found->count;
	pool->first = states->word_count;
	for (uint32_t i = 0; i < found->count; i++) {
		word |= (uint64_t)!found->is_free[i] << i % 64;
		if (i % 64 != 63 && i + 1 < found->count)
			continue;
		if (!array_append(&states->words, &states->word_count, word))
			return false;
		word = 0;
	}
	return true;
}

static int read_pool(struct pool_states *states, const struct page_source *source, uint64_t address)
{
	struct pool_state pool = {.address = address};
	uint32_t there = ask(source, address, states->bytes, &pool.unread);
	enum pool_result result = POOL_TORN;
	struct pool_blocks found;

	if (!there && !pool.unread)
		return 0;
	for (int i = 0; i < READINGS && result == POOL_TORN && !pool.unread; i++)
		result = read_once(source, states, address, there, &found);
	if (result == POOL_NONE)
		return 0;
	pool.unread = result == POOL_TORN;
	if (!pool.unread && !keep(states, &pool, &found))
		return -ENOMEM;
	return array_append(&states->items, &states->count, pool) ? 0 : -ENOMEM;
}

struct pool_states *pool_states_read(const struct page_source *source, uint32_t bytes,
				     uint64_t *addresses, size_t count)
{
	struct pool_states *states = calloc(1, sizeof(*states));
	int error = states && bytes >= PAGE && bytes <= POOL_BYTES_MAX ? 0 : -ENOMEM;

	if (!error)
		states->bytes = bytes;
	if (!error && count)
		qsort(addresses, count, sizeof(*addresses), compare_addresses);
	for (size_t i = 0; i < count && !error; i++)
		if (!i || addresses[i] != addresses[i - 1])
			error = read_pool(states, source, addresses[i]);
	/* of one that ended meanwhile nothing is said */
	if (!error && !page_source_is_alive(source))
		error = -ESRCH;
	if (!error)
		return states;
	pool_states_free(states);
	errno = -error;
	return NULL;
}

void pool_states_free(struct pool_states *states)
{
	if (!states)
		return;
	free(states->items);
	free(states->words);
	free(states);
}

static int compare_pool(const void *key, const void *item)
{
	const uint64_t *address = key;
	const struct pool_state *pool = item;

	return *address < pool->address ? -1 : *address > pool->address;
}

static struct pool_state *find(const struct pool_states *states, uint64_t address)
{
	uint64_t start = address & ~(uint64_t)(states->bytes - 1);

	return states->count ? bsearch(&start, states->items, states->count, sizeof(*states->items),
				       compare_pool)
			     : NULL;
}

/* The number of the block that begins at an address; `count`: none does. */
static uint32_t block_at(const struct pool_state *pool, uint64_t address)
{
	uint64_t offset = address - pool->address - POOL_HEADER_BYTES;

	if (address - pool->address < POOL_HEADER_BYTES || offset % pool->size ||
	    offset / pool->size >= pool->count)
		return pool->count;
	return (uint32_t)(offset / pool->size);
}

static bool is_in_use(const struct pool_states *states, const struct pool_state *pool,
		      uint32_t number)
{
	return states->words[pool->first + number / 64] >> number % 64 & 1;
}

enum pool_block_state pool_states_of(const struct pool_states *states, uint64_t address,
				     uint64_t bytes)
{
	const struct pool_state *pool = find(states, address);
	if (!pool)
		return POOL_BLOCK_GONE;
	if (pool->unread)
		return POOL_BLOCK_UNREAD;
	uint32_t number = block_at(pool, address);
	/* what became shorter in its place has room for more */
	return number < pool->count && bytes <= pool->size && is_in_use(states, pool, number)
		       ? POOL_BLOCK_IN_USE
		       : POOL_BLOCK_GONE;
}

bool pool_states_have(const struct pool_states *states, uint64_t address)
{
	return find(states, address);
}

void pool_states_each(const struct pool_states *states,
		      void (*act)(void *context, uint64_t address, uint32_t class_bytes),
		      void *context)
{
	for (size_t i = 0; i < states->count; i++) {
		const struct pool_state *pool = &states->items[i];

		for (uint32_t number = 0; number < pool->count; number++)
			if (is_in_use(states, pool, number))
				act(context,
				    pool->address + POOL_HEADER_BYTES +
					    (uint64_t)number * pool->size,
				    pool->size);
	}
}

void pool_states_leave_out(struct pool_states *states, uint64_t address)
{
	const struct pool_state *pool = find(states, address);
	uint32_t number = pool && !pool->unread ? block_at(pool, address) : 0;

	if (pool && number < pool->count)
		states->words[pool->first + number / 64] &= ~(UINT64_C(1) << number % 64);
}
