/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks of glibc's malloc out of copied bytes. A pure function: it reads nothing, and holds for
 * wrong whatever a consistent heap cannot look like, since the copy may be torn.
 */
#ifndef UNFREED_MEMORY_CHUNK_PARSE_H
#define UNFREED_MEMORY_CHUNK_PARSE_H

#include "arenas.h"
#include "glibc_layout.h"

enum {
	WINDOW_PAGES = 64,
	WINDOW_BYTES = WINDOW_PAGES * PAGES_BYTES,
	/* No chunk is smaller than a fence. */
	BATCH_CHUNKS = WINDOW_BYTES / CHUNK_HEADER_BYTES + 2,
};

/* Whole pages, copied; what is not resident is zeroes. */
struct chunk_window {
	uint64_t start;
	size_t size;
	uint8_t *bytes;
	uint8_t *states; /* enum page_state, one a page */
	/* A header beyond the window that parsing asked for. */
	uint64_t beyond; /* 0: none */
	uint64_t beyond_words[2];
};

/* Where and what is parsed: a stretch of chunks that ends at `end`, its last one at `top`. */
struct chunk_stretch {
	uint64_t end;
	uint64_t top; /* 0: none in it */
	bool main;
	/* The value that stands in each block of a thread's cache, any of these; sorted. */
	const uint64_t *cache_keys;
	size_t cache_key_count;
};

struct parsed_chunk {
	uint64_t address;
	uint64_t size;
	uint8_t state; /* enum chunk_state; CHUNK_FASTBIN is not told from CHUNK_LIVE */
};

struct chunk_batch {
	struct parsed_chunk *items; /* room for BATCH_CHUNKS */
	size_t limit;               /* stop after so many */
	size_t count;
	uint64_t next; /* where the first chunk lies that is not in the batch */
};

enum parse_result {
	PARSE_MORE,   /* go on at batch.next, with another window */
	PARSE_BEYOND, /* the header at batch.next of the chunk that begins this window is needed */
	PARSE_END,    /* the stretch is complete */
	PARSE_FENCED, /* the main heap is interrupted at batch.next: something else called sbrk */
	PARSE_ABSENT, /* the header at batch.next is not resident */
	PARSE_TORN,   /* what is at batch.next is no chunk */
};

/* Parses from an address in the window on. The batch is valid whatever is returned. */
enum parse_result chunks_parse(const struct chunk_window *window,
			       const struct chunk_stretch *stretch, uint64_t from,
			       struct chunk_batch *batch);

#endif
