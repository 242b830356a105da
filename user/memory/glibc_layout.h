/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How glibc's malloc lays out its own structures: offsets by version on x86-64, and whether bytes
 * make sense as such a structure. Pure functions over copies.
 *
 * The layouts were read from glibc's sources (malloc/malloc.c, malloc/arena.c) and tried on 2.31,
 * 2.36, 2.41 and 2.43; no version is asked for: the shape alone decides.
 */
#ifndef UNFREED_MEMORY_GLIBC_LAYOUT_H
#define UNFREED_MEMORY_GLIBC_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a chunk's size word. */
enum chunk_bits { CHUNK_PREV_IN_USE = 1, CHUNK_IS_MMAPPED = 2, CHUNK_NON_MAIN = 4, CHUNK_BITS = 7 };

enum {
	CHUNK_HEADER_BYTES = 16,
	CHUNK_BYTES_MIN = 32,
	FASTBIN_COUNT = 10,
	FASTBIN_CHUNK_BYTES_MAX = 176,
	ARENA_BYTES_MAX = 0x8a0,
	PARAMETERS_BYTES_MAX = 0x90,
	HEAP_HEADER_BYTES = 0x20, /* of struct heap_info, what all versions have */
};

/* The bytes of a chunk, by its size word. */
static inline uint64_t chunk_bytes(uint64_t word)
{
	return word & ~(uint64_t)CHUNK_BITS;
}

/* Whether a chunk for a block may have so many. */
static inline bool chunk_bytes_fit(uint64_t bytes)
{
	return bytes >= CHUNK_BYTES_MIN && !(bytes & 15);
}

/* struct malloc_state */
struct arena_layout {
	const char *name;
	bool has_fastbins;
	uint16_t fastbins, top, bins, next, attached_threads, system_bytes, size;
};

/* struct malloc_par, mp_ */
struct parameters_layout {
	const char *name;
	bool with_fastbins; /* goes with such an arena */
	uint16_t mmap_count, mmap_count_limit, mmap_count_max, no_dynamic_threshold;
	uint16_t mmapped_bytes, mmapped_bytes_max, sbrk_base;
	uint16_t tcache_bins, tcache_max_bytes, tcache_count;
	int16_t huge_page_bytes;   /* -1: none */
	uint8_t heap_header_bytes; /* sizeof(struct heap_info) */
	uint8_t mmapped_extra;     /* bytes of an mmapped chunk beyond prev_size + size */
};

extern const struct arena_layout arena_layouts[];
extern const size_t arena_layout_count;
extern const struct parameters_layout parameters_layouts[];
extern const size_t parameters_layout_count;

enum arena_use {
	ARENA_INVALID,
	ARENA_UNUSED, /* as the linker made it: nobody has called this malloc */
	ARENA_FRESH,  /* set up, without memory of its own yet */
	ARENA_IN_USE,
};

/* Whether `bytes`, as they lie at `address`, are an arena. */
enum arena_use arena_judge(const struct arena_layout *layout, const uint8_t *bytes,
			   uint64_t address, bool main);

/* Whether they are mp_. That its sbrk_base is mapped is for the caller to see. */
bool parameters_judge(const struct parameters_layout *layout, const uint8_t *bytes);

static inline uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	return *(const uint64_t *)(bytes + offset);
}

static inline uint32_t half_at(const uint8_t *bytes, size_t offset)
{
	return *(const uint32_t *)(bytes + offset);
}

#endif
