/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk over the heaps of a process that goes on allocating. Its threads change chunks while they
 * are copied; a copy of one window of 256 KiB, though, is nearly always whole, and one that is not
 * makes no sense: sizes that lead nowhere, a free chunk whose footer says something else. Such a
 * window is read again from the last chunk that a good window ended with; where that does not help,
 * that chunk may itself have become a part of another, and the walk takes up the thread some
 * windows earlier. What has been told by then is not told again: a chunk that reaches beyond it is
 * clipped.
 *
 * Where a chunk's header is in swap, or nothing helps, the walk looks for the next place where some
 * chunks in a row make sense, and tells what lies between as unknown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arenas_internal.h"
#include "chunk_reader.h"

enum {
	CHECKPOINTS = 128,
	TRIES_MAX = 400,    /* of one window: some two seconds, nearly all of them pauses */
	TRIES_BACK = 4,     /* after so many, one checkpoint further back */
	TRIES_EAGER = 8,    /* before there are pauses */
	RETRIES_MAX = 2000, /* of all windows, before what makes no sense is passed over */
	ABSENT_TRIES = 100, /* of a header whose page is not there yet, or no more: 0.2 seconds */
	PAUSE_US = 50,      /* by so much a pause is longer than the one before it */
	PAUSE_US_MAX = 5000,
	CHAIN_CHUNKS = 8, /* so many in a row are taken for chunks */
};

struct walk {
	struct pages *pages;
	const struct arenas *arenas;
	chunk_fn *fn;
	void *context;
	struct walk_numbers *numbers;
	struct chunk_reader reader;
	/* Of the segment: */
	const struct heap_segment *segment;
	struct chunk_stretch stretch;
	uint64_t told; /* everything before it was told */
	uint64_t checkpoints[CHECKPOINTS];
	size_t checkpoint_count;
	size_t tries;
	size_t fastbin; /* index of the first that is not behind us */
};

/* --- telling --- */

static bool is_fastbin_chunk(struct walk *walk, uint64_t address)
{
	const struct arenas *arenas = walk->arenas;

	while (walk->fastbin < arenas->fastbin_count &&
	       arenas->fastbin_chunks[walk->fastbin] < address)
		walk->fastbin++;
	return walk->fastbin < arenas->fastbin_count &&
	       arenas->fastbin_chunks[walk->fastbin] == address;
}

/* The place in the sorted array from which a segment's fastbin chunks are sought. */
static size_t find_fastbin(const struct arenas *arenas, uint64_t address)
{
	size_t low = 0, high = arenas->fastbin_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (arenas->fastbin_chunks[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void tell(struct walk *walk, uint64_t start, uint64_t end, enum chunk_state state,
		 bool clipped)
{
	const struct chunk_window *window = &walk->reader.window;
	struct page_bytes there = chunk_reader_count(&walk->reader, start, end);
	struct chunk chunk = {
		.address = start,
		.block = start + CHUNK_HEADER_BYTES,
		.size = end - start,
		.resident_bytes = there.resident,
		.swapped_bytes = there.swapped,
		.state = state,
		.clipped = clipped,
		.arena = walk->segment->arena,
	};
	uint64_t offset = chunk.block - window->start;

	if (!clipped && state != CHUNK_UNKNOWN && start >= window->start && offset < window->size) {
		uint64_t block_bytes = chunk_usable(&chunk);

		chunk.content = window->bytes + offset;
		chunk.at_hand =
			window->size - offset < block_bytes ? window->size - offset : block_bytes;
	}
	walk->fn(walk->context, &chunk);
}

static void tell_batch(struct walk *walk)
{
	const struct chunk_batch *batch = &walk->reader.batch;

	for (size_t i = 0; i < batch->count; i++) {
		const struct parsed_chunk *parsed = &batch->items[i];
		uint64_t end = parsed->address + parsed->size;
		enum chunk_state state = parsed->state;

		if (end <= walk->told)
			continue;
		if (state == CHUNK_LIVE && parsed->size <= FASTBIN_CHUNK_BYTES_MAX &&
		    is_fastbin_chunk(walk, parsed->address))
			state = CHUNK_FASTBIN;
		bool clipped = parsed->address < walk->told;
		tell(walk, clipped ? walk->told : parsed->address, end, state, clipped);
		walk->told = end;
	}
}

/* --- passing over what cannot be walked --- */

static bool is_chain(const struct chunk_reader *reader, enum parse_result result, uint64_t from)
{
	const struct chunk_batch *batch = &reader->batch;

	if (batch->count >= CHAIN_CHUNKS)
		return true;
	return batch->count && batch->next > from &&
	       (result == PARSE_END || result == PARSE_FENCED);
}

/* The first address from `from` on where chunks make sense; the segment's end where none do. */
static int find_chain(struct walk *walk, uint64_t from, uint64_t *found)
{
	struct chunk_reader *reader = &walk->reader;
	const struct chunk_window *window = &reader->window;
	uint64_t at = from;

	while (at + CHUNK_BYTES_MIN <= walk->stretch.end) {
		int result = chunk_reader_parse(reader, &walk->stretch, at);

		if (result < 0)
			return result;
		for (; at + CHUNK_HEADER_BYTES <= window->start + window->size; at += 16) {
			size_t page = (at - window->start) / PAGES_BYTES;

			if (window->states[page] != PAGE_RESIDENT) {
				at = window->start + (page + 1) * PAGES_BYTES - 16;
				continue;
			}
			if ((word_at(window->bytes, at - window->start + 8) & ~UINT64_C(7)) <
			    CHUNK_BYTES_MIN)
				continue;
			reader->batch.limit = CHAIN_CHUNKS;
			result = chunks_parse(window, &walk->stretch, at, &reader->batch);
			reader->batch.limit = BATCH_CHUNKS;
			if (is_chain(reader, result, at)) {
				*found = at;
				return 0;
			}
		}
		at = window->start + window->size;
	}
	*found = walk->stretch.end;
	return 0;
}

static int pass_over(struct walk *walk, uint64_t from, enum chunk_state state, uint64_t *next)
{
	int error = find_chain(walk, from, next);

	if (error)
		return error;
	if (*next > walk->told) {
		struct page_bytes there = pages_count(walk->pages, walk->told, *next);

		tell(walk, walk->told, *next, state, false);
		if (state == CHUNK_UNKNOWN) {
			walk->numbers->torn_bytes += there.resident;
			walk->numbers->swapped_bytes += there.swapped;
		}
		walk->told = *next;
	}
	walk->checkpoint_count = 0;
	walk->tries = 0;
	return 0;
}

/* --- one segment --- */

static void set_checkpoint(struct walk *walk, uint64_t address)
{
	if (walk->checkpoint_count == CHECKPOINTS) {
		memmove(walk->checkpoints, walk->checkpoints + 1,
			(CHECKPOINTS - 1) * sizeof(*walk->checkpoints));
		walk->checkpoint_count--;
	}
	walk->checkpoints[walk->checkpoint_count++] = address;
}

/* The end of a heap, and its top, as they are now; on failure they stay what they were. */
static void refresh_stretch(struct walk *walk)
{
	const struct arenas *arenas = walk->arenas;
	const struct arena *arena = &arenas->items[walk->segment->arena];
	struct chunk_stretch *stretch = &walk->stretch;
	uint64_t top, words[4], end;

	if (!stretch->top)
		return;
	if (stretch->main) {
		if (main_heap_read_end(walk->pages, arenas, walk->segment->start, &top, &end) ||
		    !end)
			return;
		stretch->top = top;
		stretch->end = end;
		return;
	}
	if (pages_read(walk->pages, arena->address + arenas->layout->top, &top, sizeof(top)))
		return;
	uint64_t heap = walk->segment->from;
	if (pages_read(walk->pages, heap, words, sizeof(words)) || words[0] != arena->address ||
	    words[2] > arenas->heap_bytes_max)
		return;
	/* A heap that is full now has its top elsewhere, and ends in fences. */
	stretch->end = heap + words[2];
	stretch->top = top >= heap && top < stretch->end ? top : walk->segment->end;
}

/*
 * A thread may wait for a processor in the midst of what it does to a chunk, and then a window
 * makes no sense until it goes on: the longer that lasts, the less often the window is read.
 */
static void pause_longer(const struct walk *walk)
{
	if (walk->tries <= TRIES_EAGER)
		return;
	size_t pause_us = (walk->tries - TRIES_EAGER) * PAUSE_US;

	usleep(pause_us < PAUSE_US_MAX ? pause_us : PAUSE_US_MAX);
}

/* Where to begin again after a window that made no sense. */
static uint64_t step_back(struct walk *walk)
{
	walk->numbers->retries++;
	walk->tries++;
	refresh_stretch(walk);
	if (walk->tries % TRIES_BACK == 0 && walk->checkpoint_count > 1)
		walk->checkpoint_count--;
	pause_longer(walk);
	return walk->checkpoint_count ? walk->checkpoints[walk->checkpoint_count - 1] : walk->told;
}

static bool is_worth_retry(const struct walk *walk, int result, uint64_t at)
{
	const struct chunk_reader *reader = &walk->reader;
	uint64_t next = reader->batch.next;

	if (walk->numbers->retries > RETRIES_MAX)
		return false;
	if (result == PARSE_ABSENT)
		return walk->tries < ABSENT_TRIES &&
		       reader->window.states[(next - reader->window.start) / PAGES_BYTES] !=
			       PAGE_SWAPPED;
	return (result == PARSE_TORN || (result == PARSE_MORE && next == at)) &&
	       walk->tries < TRIES_MAX;
}

/* One window. Where to go on in *at; the segment's end where it is complete. */
static int walk_window(struct walk *walk, uint64_t *at)
{
	int result = chunk_reader_parse(&walk->reader, &walk->stretch, *at);
	uint64_t next = walk->reader.batch.next, told = walk->told;

	if (result < 0)
		return result;
	if (is_worth_retry(walk, result, *at)) {
		*at = step_back(walk);
		return 0;
	}
	tell_batch(walk);
	if (result == PARSE_TORN || (result == PARSE_MORE && next == *at))
		return pass_over(walk, next + 16, CHUNK_UNKNOWN, at);
	if (next > *at)
		set_checkpoint(walk, next);
	if (walk->told > told) /* one before that which was torn begins no new count */
		walk->tries = 0;
	*at = next;
	if (result == PARSE_END)
		*at = walk->stretch.end;
	if (result == PARSE_ABSENT)
		return pass_over(walk, next + 16, CHUNK_UNKNOWN, at);
	if (result == PARSE_FENCED)
		return pass_over(walk, next, CHUNK_FOREIGN, at);
	return 0;
}

static int walk_segment(struct walk *walk, const struct heap_segment *segment)
{
	const struct arenas *arenas = walk->arenas;
	uint64_t top = arenas->items[segment->arena].top, at = segment->start;
	int error = 0;

	walk->segment = segment;
	walk->stretch = (struct chunk_stretch){
		.end = segment->end,
		.top = top >= segment->start && top < segment->end ? top : 0,
		.main = segment->arena == 0,
		.cache_keys = arenas->cache_keys,
		.cache_key_count = arenas->cache_key_count,
	};
	walk->told = at;
	walk->fastbin = find_fastbin(arenas, at);
	walk->tries = 0;
	walk->checkpoints[0] = at;
	walk->checkpoint_count = 1;
	if (segment->from < segment->start)
		tell(walk, segment->from, segment->start, CHUNK_FENCE, false);
	refresh_stretch(walk);
	while (at < walk->stretch.end && !error)
		error = walk_window(walk, &at);
	return error;
}

static void tell_mmapped(struct walk *walk)
{
	for (size_t i = 0; i < walk->arenas->mmapped_found; i++) {
		const struct mmapped_chunk *item = &walk->arenas->mmapped[i];
		struct page_bytes there = pages_count(walk->pages, item->start, item->end);
		struct chunk chunk = {
			.address = item->start,
			.block = item->block,
			.size = item->end - item->start,
			.resident_bytes = there.resident,
			.swapped_bytes = there.swapped,
			.state = CHUNK_MMAPPED,
		};

		walk->fn(walk->context, &chunk);
	}
}

int arenas_walk(struct pages *pages, const struct arenas *arenas, chunk_fn *fn, void *context,
		struct walk_numbers *numbers)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	*numbers = (struct walk_numbers){0};
	if (!walk)
		return -ENOMEM;
	*walk = (struct walk){
		.pages = pages, .arenas = arenas, .fn = fn, .context = context, .numbers = numbers};
	int error = chunk_reader_init(&walk->reader, pages);
	for (size_t i = 0; i < arenas->segment_count && !error; i++)
		error = walk_segment(walk, &arenas->segments[i]);
	if (!error)
		tell_mmapped(walk);
	chunk_reader_release(&walk->reader);
	free(walk);
	return error;
}
