/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A chunk's header is 16 bytes: the size of the chunk before it, where that is free, and its own
 * size with three bits. Whether a chunk is in use stands in the header of the next one. A heap ends
 * in its top chunk, or, where it is full, in fences: chunks of 16 bytes, or of none.
 */
#include "chunk_parse.h"

#include <stdlib.h>

enum { FENCE_BYTES = 16 };

struct parser {
	const struct chunk_window *window;
	const struct chunk_stretch *stretch;
	struct chunk_batch *batch;
	uint64_t at;
};

enum step { STEP_ON, STEP_MORE, STEP_BEYOND, STEP_END, STEP_FENCED, STEP_ABSENT, STEP_TORN };

/* The two words of a header. */
static enum step read_header(const struct parser *parser, uint64_t address, uint64_t words[2])
{
	const struct chunk_window *window = parser->window;
	uint64_t offset = address - window->start;

	if (address == window->beyond && address) {
		words[0] = window->beyond_words[0];
		words[1] = window->beyond_words[1];
		return STEP_ON;
	}
	if (address < window->start || offset + CHUNK_HEADER_BYTES > window->size)
		return STEP_MORE;
	if (window->states[offset / PAGES_BYTES] != PAGE_RESIDENT)
		return STEP_ABSENT;
	words[0] = word_at(window->bytes, offset);
	words[1] = word_at(window->bytes, offset + 8);
	return STEP_ON;
}

static void add_chunk(struct parser *parser, uint64_t size, enum chunk_state state)
{
	struct chunk_batch *batch = parser->batch;

	batch->items[batch->count++] = (struct parsed_chunk){parser->at, size, state};
	parser->at += size;
	batch->next = parser->at;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* A block in a thread's cache has the key as its second word. */
static bool is_cached(const struct parser *parser)
{
	const struct chunk_stretch *stretch = parser->stretch;
	uint64_t offset = parser->at - parser->window->start + CHUNK_HEADER_BYTES + 8;

	if (offset + 8 > parser->window->size)
		return false;
	uint64_t word = word_at(parser->window->bytes, offset);
	if (!stretch->cache_key_count || word < stretch->cache_keys[0] ||
	    word > stretch->cache_keys[stretch->cache_key_count - 1])
		return false;
	return stretch->cache_key_count == 1 ||
	       bsearch(&word, stretch->cache_keys, stretch->cache_key_count, sizeof(word),
		       compare_words);
}

/*
 * The ends of a heap. A full heap that is not the main one closes with chunks of 16 and of no
 * bytes, or with its former top, where that had 32 bytes, and one of no bytes. A segment of the
 * main one closes with two chunks of 16 bytes, seldom three.
 */
static bool is_fence(const struct parser *parser, uint64_t word)
{
	uint64_t size = chunk_bytes(word), left = parser->stretch->end - parser->at;

	return size == FENCE_BYTES ||
	       (!size && (word & CHUNK_PREV_IN_USE) && left == FENCE_BYTES) ||
	       (!parser->stretch->main && !(word & CHUNK_NON_MAIN) && size == CHUNK_BYTES_MIN &&
		left == CHUNK_BYTES_MIN + FENCE_BYTES);
}

static enum step pass_fence(struct parser *parser, uint64_t word)
{
	uint64_t size = chunk_bytes(word), next[2];
	bool second = parser->batch->count &&
		      parser->batch->items[parser->batch->count - 1].state == CHUNK_FENCE;

	add_chunk(parser, size ?: FENCE_BYTES, CHUNK_FENCE);
	if (!parser->stretch->main || size != FENCE_BYTES || !second)
		return STEP_ON;
	if (parser->at < parser->stretch->end && read_header(parser, parser->at, next) == STEP_ON &&
	    chunk_bytes(next[1]) == FENCE_BYTES)
		return STEP_ON;
	return parser->at < parser->stretch->end ? STEP_FENCED : STEP_END;
}

/* The header behind a chunk: whether it makes sense as one, and says that the chunk is in use. */
static enum step judge_next(const struct parser *parser, uint64_t size, bool *in_use)
{
	uint64_t next = parser->at + size, words[2];

	*in_use = true;
	if (next >= parser->stretch->end)
		return STEP_ON;
	enum step step = read_header(parser, next, words);
	if (step == STEP_MORE)
		return parser->at - parser->window->start < PAGES_BYTES &&
				       size > parser->window->size / 2
			       ? STEP_BEYOND
			       : STEP_MORE;
	if (step == STEP_ABSENT)
		return STEP_ON;
	if ((words[1] & (CHUNK_IS_MMAPPED | 8)) ||
	    chunk_bytes(words[1]) > parser->stretch->end - next)
		return STEP_TORN;
	*in_use = words[1] & CHUNK_PREV_IN_USE;
	return *in_use || words[0] == size ? STEP_ON : STEP_TORN;
}

static enum step parse_one(struct parser *parser)
{
	const struct chunk_stretch *stretch = parser->stretch;
	uint64_t words[2], left = stretch->end - parser->at;
	bool in_use;

	parser->batch->next = parser->at;
	if (left < FENCE_BYTES)
		return left ? STEP_TORN : STEP_END;
	enum step step = read_header(parser, parser->at, words);
	if (step != STEP_ON)
		return step;
	uint64_t size = chunk_bytes(words[1]);
	if (words[1] & CHUNK_IS_MMAPPED)
		return STEP_TORN;
	if (stretch->top && parser->at >= stretch->top && size == left && size >= FENCE_BYTES) {
		add_chunk(parser, size, CHUNK_TOP);
		return STEP_END;
	}
	if (is_fence(parser, words[1]))
		return pass_fence(parser, words[1]);
	if (!chunk_bytes_fit(size) || size > left)
		return STEP_TORN;
	step = judge_next(parser, size, &in_use);
	if (step != STEP_ON)
		return step;
	if (in_use && stretch->main != !(words[1] & CHUNK_NON_MAIN))
		return STEP_TORN;
	add_chunk(parser, size,
		  !in_use             ? CHUNK_FREE
		  : is_cached(parser) ? CHUNK_TCACHE
				      : CHUNK_LIVE);
	return STEP_ON;
}

enum parse_result chunks_parse(const struct chunk_window *window,
			       const struct chunk_stretch *stretch, uint64_t from,
			       struct chunk_batch *batch)
{
	static const enum parse_result results[] = {
		[STEP_MORE] = PARSE_MORE,     [STEP_BEYOND] = PARSE_BEYOND,
		[STEP_END] = PARSE_END,       [STEP_FENCED] = PARSE_FENCED,
		[STEP_ABSENT] = PARSE_ABSENT, [STEP_TORN] = PARSE_TORN,
	};
	struct parser parser = {window, stretch, batch, from};
	enum step step;

	batch->count = 0;
	batch->next = from;
	do {
		step = parser.at < stretch->end ? parse_one(&parser) : STEP_END;
	} while (step == STEP_ON && batch->count < batch->limit);
	return step == STEP_ON ? PARSE_MORE : results[step];
}
