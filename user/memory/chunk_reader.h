/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunks of a running process, a window at a time: read, then parsed.
 */
#ifndef UNFREED_MEMORY_CHUNK_READER_H
#define UNFREED_MEMORY_CHUNK_READER_H

#include "chunk_parse.h"

struct chunk_reader {
	struct pages *pages;
	struct chunk_window window;
	struct chunk_batch batch;
	uint8_t states[WINDOW_PAGES];
};

/* Returns 0 or -ENOMEM. Releasing accepts one that is zeroed. */
int chunk_reader_init(struct chunk_reader *reader, struct pages *pages);
void chunk_reader_release(struct chunk_reader *reader);

/*
 * Reads the window that begins with a chunk, and parses it into `batch`. Returns a parse_result,
 * but never PARSE_BEYOND, or a negative errno.
 */
int chunk_reader_parse(struct chunk_reader *reader, const struct chunk_stretch *stretch,
		       uint64_t from);

/* How much of a range in the window there is, as pages_count() counts it. */
struct page_bytes chunk_reader_count(const struct chunk_reader *reader, uint64_t start,
				     uint64_t end);

#endif
