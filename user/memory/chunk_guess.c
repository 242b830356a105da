/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A word before an address that could be a size is no proof: where a program and its heap lie low
 * (an executable that is not position independent), each pointer into them could be one. So what
 * would be the chunks behind it are asked as well, and theirs: by chance few of them fit.
 */
#include "chunk_guess.h"

#include "glibc_layout.h"

enum { CHUNKS_BEHIND = 8, FRONT_MAX = 1 << 20 /* alignments that people ask for */ };

/* What is mapped alone begins with its mapping, or another such one in it, and fills pages. Where
 * it was to be aligned, what was left in front of it is written in front of its size. */
static uint64_t mapped_bytes(struct view *view, uint64_t address, uint64_t bytes)
{
	uint64_t chunk = address - CHUNK_HEADER_BYTES, front;

	if (!view_u64(view, chunk, &front) || front >= FRONT_MAX || front & 15 ||
	    (chunk - front) % VIEW_PAGE_BYTES)
		return 0;
	/* from 2.43 on its own header does not count */
	uint64_t rest = (bytes + front) % VIEW_PAGE_BYTES;
	return !rest || rest == VIEW_PAGE_BYTES - CHUNK_HEADER_BYTES ? bytes - CHUNK_HEADER_BYTES
								     : 0;
}

/*
 * Whether chunks of one arena follow up to the end of the mapping, to what is not there, or for a
 * while. Fences, which end some arenas, are smaller than a chunk. What is free, as the one behind
 * it says, has not got the mark of an arena beside the main one, nor has the chunk at its top.
 */
static bool chunks_follow(struct view *view, const struct region *region, uint64_t at,
			  uint64_t arena)
{
	uint64_t word, end = region->mapping.end;
	bool unmarked = false;

	for (int i = 0; i < CHUNKS_BEHIND; i++) {
		if (at == end || (at < end && !view_has(view, at + 8)))
			return true;
		if (at > end || !view_u64(view, at + 8, &word))
			return false;
		uint64_t bytes = chunk_bytes(word),
			 marks = word & (CHUNK_NON_MAIN | CHUNK_IS_MMAPPED);
		if (unmarked && word & CHUNK_PREV_IN_USE)
			return false;
		unmarked = !marks && arena;
		if (marks != arena && !unmarked)
			return false;
		if (bytes < CHUNK_BYTES_MIN)
			return word & CHUNK_PREV_IN_USE && (bytes == CHUNK_HEADER_BYTES || !bytes);
		if (!chunk_bytes_fit(bytes))
			return false;
		at += bytes;
	}
	return true;
}

uint64_t chunk_guess_bytes(struct view *view, uint64_t address)
{
	uint64_t word, next;

	if (address & 15 || !view_has(view, address - 8) || !view_u64(view, address - 8, &word))
		return 0;
	uint64_t bytes = chunk_bytes(word), behind = address - CHUNK_HEADER_BYTES + bytes;
	const struct region *region = regions_find(view_regions(view), address);
	if (!chunk_bytes_fit(bytes) || !region ||
	    bytes > region->mapping.end - address + CHUNK_HEADER_BYTES)
		return 0;
	if (word & CHUNK_IS_MMAPPED)
		return mapped_bytes(view, address, bytes);
	/* the next one says that it is in use */
	if (!view_has(view, behind + 8) || !view_u64(view, behind + 8, &next) ||
	    !(next & CHUNK_PREV_IN_USE) ||
	    !chunks_follow(view, region, behind, word & CHUNK_NON_MAIN))
		return 0;
	return bytes - 8;
}

uint64_t chunk_guess_bytes_of_part(struct view *view, uint64_t address)
{
	uint64_t at = address - CHUNK_HEADER_BYTES, word;

	for (int i = 0; i <= CHUNKS_BEHIND && !(at & 15) && view_u64(view, at + 8, &word); i++)
		at += chunk_bytes(word);
	return chunk_guess_bytes(view, address);
}
