/* SPDX-License-Identifier: BSD-2-Clause */
#include "chunk_reader.h"

#include <errno.h>
#include <stdlib.h>

enum { PAGE = PAGES_BYTES };

int chunk_reader_init(struct chunk_reader *reader, struct pages *pages)
{
	*reader = (struct chunk_reader){.pages = pages};
	reader->window.states = reader->states;
	reader->window.bytes = malloc(WINDOW_BYTES);
	reader->batch.limit = BATCH_CHUNKS;
	reader->batch.items = malloc(BATCH_CHUNKS * sizeof(*reader->batch.items));
	if (reader->window.bytes && reader->batch.items)
		return 0;
	chunk_reader_release(reader);
	return -ENOMEM;
}

void chunk_reader_release(struct chunk_reader *reader)
{
	free(reader->window.bytes);
	free(reader->batch.items);
	*reader = (struct chunk_reader){0};
}

static int read_window(struct chunk_reader *reader, uint64_t from, uint64_t end)
{
	struct chunk_window *window = &reader->window;
	uint64_t start = from & ~(uint64_t)(PAGE - 1), pages = (end - start + PAGE - 1) / PAGE;

	window->start = start;
	window->size = (pages < WINDOW_PAGES ? pages : WINDOW_PAGES) * PAGE;
	window->beyond = 0;
	return pages_read_some(reader->pages, start, window->size / PAGE, window->bytes,
			       window->states);
}

/* What is not there for the header behind a large chunk: that the chunk is in use. */
static void read_beyond(struct chunk_reader *reader, uint64_t chunk)
{
	struct chunk_window *window = &reader->window;
	uint64_t word = word_at(window->bytes, chunk - window->start + 8);

	window->beyond = chunk + chunk_bytes(word);
	if (pages_read(reader->pages, window->beyond, window->beyond_words,
		       sizeof(window->beyond_words))) {
		window->beyond_words[0] = 0;
		window->beyond_words[1] = CHUNK_PREV_IN_USE;
	}
}

int chunk_reader_parse(struct chunk_reader *reader, const struct chunk_stretch *stretch,
		       uint64_t from)
{
	int error = read_window(reader, from, stretch->end);

	if (error)
		return error;
	enum parse_result result = chunks_parse(&reader->window, stretch, from, &reader->batch);
	if (result != PARSE_BEYOND)
		return result;
	read_beyond(reader, reader->batch.next);
	result = chunks_parse(&reader->window, stretch, from, &reader->batch);
	return result == PARSE_BEYOND ? PARSE_TORN : result;
}

struct page_bytes chunk_reader_count(const struct chunk_reader *reader, uint64_t start,
				     uint64_t end)
{
	const struct chunk_window *window = &reader->window;
	struct page_bytes sum = {0};

	if (start < window->start || end > window->start + window->size)
		return pages_count(reader->pages, start, end);
	while (start < end) {
		uint64_t next = (start & ~(uint64_t)(PAGE - 1)) + PAGE;
		uint64_t part = (next < end ? next : end) - start;
		uint8_t state = window->states[(start - window->start) / PAGE];

		sum.resident += state == PAGE_RESIDENT || state == PAGE_CLOSED ? part : 0;
		sum.swapped += state == PAGE_SWAPPED ? part : 0;
		start += part;
	}
	return sum;
}
