/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: a heap of glibc's malloc in which words and states of pages were overwritten. Whatever
 * they say, the walk ends, tells nothing beyond the mappings, and no byte of a segment twice.
 */
#include "heap_space.h"

#include <unistd.h>

/* Nobody changes this process: nothing is gained by waiting. */
int usleep(useconds_t time)
{
	(void)time;
	return 0;
}

struct last {
	uint64_t end;
	size_t arena;
};

static void check_chunk(void *context, const struct chunk *chunk)
{
	struct last *last = context;

	if (chunk->size > UINT64_C(1) << 46 || chunk->address > UINT64_MAX - chunk->size ||
	    chunk->resident_bytes + chunk->swapped_bytes > chunk->size)
		abort();
	if (chunk->arena == last->arena && chunk->state != CHUNK_MMAPPED &&
	    chunk->address < last->end)
		abort();
	last->end = chunk->address + chunk->size;
	last->arena = chunk->arena;
	for (size_t i = 0; i < chunk->at_hand; i += 64)
		if (chunk->content[i] == 0xff)
			last->end += 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct pages *space = space_new();
	struct walk_numbers numbers;
	struct last last = {0};
	struct arenas arenas;

	/* Where, and what: a page's state, or a word, as it is or relative to one of the
	 * mappings. */
	for (; size >= 11; bytes += 11, size -= 11) {
		uint16_t where;
		uint64_t what;

		memcpy(&where, bytes + 1, sizeof(where));
		memcpy(&what, bytes + 3, sizeof(what));
		if (bytes[0] == 0xff)
			space->states[where % SPACE_PAGES] = what % PAGE_STATE_COUNT;
		else
			((uint64_t *)space->bytes)[where % (sizeof(space->bytes) / 8)] =
				what + (bytes[0] % 8 < SPACE_REGIONS
						? space->items[bytes[0] % 8].mapping.start
						: 0);
	}
	if (!arenas_find(space, &arenas) && !*arenas.problem)
		arenas_walk(space, &arenas, check_chunk, &last, &numbers);
	arenas_release(&arenas);
	pages_free(space);
	return 0;
}
