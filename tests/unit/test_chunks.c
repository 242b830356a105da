/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks parsed out of forged windows, and counted by size. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "memory/chunk_classes.h"
#include "memory/chunk_parse.h"

enum { START = 0x10000, KEY = 0x1234567 };

struct heap {
	struct chunk_window window;
	struct chunk_stretch stretch;
	struct chunk_batch batch;
	uint8_t states[WINDOW_PAGES];
	uint64_t at; /* where the next chunk is put */
	uint64_t key;
};

static int setup(void **state)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	heap->window = (struct chunk_window){.start = START, .size = 2 * PAGES_BYTES};
	heap->window.bytes = calloc(2, PAGES_BYTES);
	heap->window.states = heap->states;
	memset(heap->states, PAGE_RESIDENT, sizeof(heap->states));
	heap->batch.items = calloc(BATCH_CHUNKS, sizeof(*heap->batch.items));
	heap->batch.limit = BATCH_CHUNKS;
	heap->key = KEY;
	heap->stretch = (struct chunk_stretch){
		.end = START + 2 * PAGES_BYTES,
		.main = true,
		.cache_keys = &heap->key,
		.cache_key_count = 1,
	};
	heap->at = START;
	*state = heap;
	return 0;
}

static int teardown(void **state)
{
	struct heap *heap = *state;

	free(heap->window.bytes);
	free(heap->batch.items);
	free(heap);
	return 0;
}

static uint64_t *words(struct heap *heap, uint64_t address)
{
	return (uint64_t *)(heap->window.bytes + (address - START));
}

/* One chunk behind the other; that it is free stands in the header of the next. */
static uint64_t put(struct heap *heap, uint64_t size, uint64_t bits)
{
	uint64_t address = heap->at;

	words(heap, address)[1] = size | bits;
	if (!(bits & CHUNK_PREV_IN_USE) && address > START)
		assert_true(words(heap, address)[0] != 0);
	heap->at += size;
	return address;
}

static void put_free(struct heap *heap, uint64_t size)
{
	put(heap, size, CHUNK_PREV_IN_USE);
	words(heap, heap->at)[0] = size;
}

static void put_top(struct heap *heap, uint64_t bits)
{
	heap->stretch.top = heap->at;
	put(heap, heap->stretch.end - heap->at, bits);
}

static enum parse_result parse(struct heap *heap)
{
	return chunks_parse(&heap->window, &heap->stretch, START, &heap->batch);
}

static void expect_states(const struct heap *heap, const char *expected)
{
	static const char letters[] = "lfFtTm_=?";
	char found[64] = "";

	for (size_t i = 0; i < heap->batch.count && i < sizeof(found) - 1; i++)
		found[i] = letters[heap->batch.items[i].state];
	assert_string_equal(found, expected);
}

static void test_a_heap_with_all_kinds(void **state)
{
	struct heap *heap = *state;

	put(heap, 32, CHUNK_PREV_IN_USE);
	uint64_t cached = put(heap, 48, CHUNK_PREV_IN_USE);
	words(heap, cached)[3] = KEY;
	put_free(heap, 1024);
	put(heap, 64, 0);
	put(heap, 32, CHUNK_PREV_IN_USE);
	put_top(heap, CHUNK_PREV_IN_USE);
	assert_int_equal(parse(heap), PARSE_END);
	expect_states(heap, "ltfllT");
	assert_int_equal(heap->batch.items[2].address, START + 80);
	assert_int_equal(heap->batch.items[2].size, 1024);
	assert_int_equal(heap->batch.next, heap->stretch.end);
}

static void test_what_makes_no_sense_is_torn(void **state)
{
	static const uint64_t bad[] = {
		0,
		24 | 1,
		40 | 1,
		8192 | 1,
		64 | 1 | CHUNK_IS_MMAPPED,
		64 | 1 | CHUNK_NON_MAIN,
		UINT64_MAX & ~UINT64_C(7),
	};
	struct heap *heap = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		heap->at = START;
		put(heap, 64, CHUNK_PREV_IN_USE);
		uint64_t torn = put(heap, 64, CHUNK_PREV_IN_USE);
		put_top(heap, CHUNK_PREV_IN_USE);
		words(heap, torn)[1] = bad[i];
		assert_int_equal(parse(heap), PARSE_TORN);
	}
}

static void test_a_footer_that_says_something_else_is_torn(void **state)
{
	struct heap *heap = *state;

	put_free(heap, 1024);
	put(heap, 64, 0);
	put_top(heap, CHUNK_PREV_IN_USE);
	assert_int_equal(parse(heap), PARSE_END);
	words(heap, START + 1024)[0] = 512;
	assert_int_equal(parse(heap), PARSE_TORN);
	assert_int_equal(heap->batch.count, 0);
}

static void test_a_full_heap_ends_in_fences(void **state)
{
	struct heap *heap = *state;

	heap->stretch.main = false;
	put(heap, heap->stretch.end - START - 32, CHUNK_PREV_IN_USE | CHUNK_NON_MAIN);
	put(heap, 16, CHUNK_PREV_IN_USE | CHUNK_NON_MAIN);
	words(heap, heap->at)[1] = CHUNK_PREV_IN_USE;
	assert_int_equal(parse(heap), PARSE_END);
	expect_states(heap, "l__");
	heap->at = START; /* or in a former top of 32 bytes */
	put(heap, heap->stretch.end - START - 48, CHUNK_PREV_IN_USE | CHUNK_NON_MAIN);
	put(heap, 32, CHUNK_PREV_IN_USE);
	words(heap, heap->at)[1] = CHUNK_PREV_IN_USE;
	assert_int_equal(parse(heap), PARSE_END);
	expect_states(heap, "l__");
}

static void test_the_main_heap_is_interrupted(void **state)
{
	struct heap *heap = *state;

	put(heap, 64, CHUNK_PREV_IN_USE);
	put(heap, 16, CHUNK_PREV_IN_USE);
	put(heap, 16, CHUNK_PREV_IN_USE);
	assert_int_equal(parse(heap), PARSE_FENCED);
	expect_states(heap, "l__");
	assert_int_equal(heap->batch.next, START + 96);
}

static void test_pages_that_are_not_there(void **state)
{
	struct heap *heap = *state;

	put(heap, 64, CHUNK_PREV_IN_USE);
	put(heap, PAGES_BYTES, CHUNK_PREV_IN_USE);
	put_top(heap, CHUNK_PREV_IN_USE);
	heap->states[1] = PAGE_SWAPPED;
	assert_int_equal(parse(heap), PARSE_ABSENT);
	expect_states(heap, "ll"); /* of the second nothing says that it is free */
	assert_int_equal(heap->batch.next, START + 64 + PAGES_BYTES);
}

static void test_a_chunk_that_reaches_beyond_the_window(void **state)
{
	struct heap *heap = *state;

	heap->stretch.end += 64 * PAGES_BYTES;
	uint64_t large = put(heap, 16 * PAGES_BYTES, CHUNK_PREV_IN_USE);
	assert_int_equal(parse(heap), PARSE_BEYOND);
	assert_int_equal(heap->batch.next, large);
	heap->window.beyond = large + 16 * PAGES_BYTES;
	heap->window.beyond_words[0] = 16 * PAGES_BYTES;
	heap->window.beyond_words[1] = 64;
	assert_int_equal(parse(heap), PARSE_MORE);
	expect_states(heap, "f");
	assert_int_equal(heap->batch.next, heap->window.beyond);
}

static void test_a_limit(void **state)
{
	struct heap *heap = *state;

	for (size_t i = 0; i < 9; i++)
		put(heap, 32, CHUNK_PREV_IN_USE);
	put_top(heap, CHUNK_PREV_IN_USE);
	heap->batch.limit = 4;
	assert_int_equal(parse(heap), PARSE_MORE);
	assert_int_equal(heap->batch.count, 4);
}

/* Whatever the bytes, parsing ends, and stays inside. */
static void test_random_bytes(void **state)
{
	struct heap *heap = *state;

	srand(1);
	for (size_t round = 0; round < 20000; round++) {
		for (size_t i = 0; i < 2 * PAGES_BYTES / 8; i++)
			words(heap, START)[i] =
				rand() % 3 ? (uint64_t)(rand() % 512) * 8 : (uint64_t)rand() << 20;
		heap->stretch.main = rand() % 2;
		parse(heap);
		assert_true(heap->batch.count <= 2 * PAGES_BYTES / 16 + 1);
		for (size_t i = 0; i < heap->batch.count; i++) {
			const struct parsed_chunk *chunk = &heap->batch.items[i];

			assert_true(chunk->address >= START && chunk->size >= 16);
			assert_true(chunk->size <= heap->stretch.end - chunk->address);
		}
	}
}

static void test_classes(void **state)
{
	(void)state;
	for (uint64_t size = 16; size < UINT64_C(1) << 40;
	     size = size < 70000 ? size + 16 : size * 9 / 8) {
		size_t index = chunk_class_of(size);

		assert_true(index < CHUNK_CLASSES);
		assert_true(chunk_class_least(index) <= size);
		assert_true(chunk_class_least(index + 1) > size);
	}
	assert_int_equal(chunk_class_least(chunk_class_of(48)), 48);
	assert_int_equal(chunk_class_least(chunk_class_of(100000)), 98304);
	assert_int_equal(chunk_class_of(UINT64_MAX), CHUNK_CLASSES - 1);
}

int main(void)
{
#define HEAP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		HEAP_TEST(test_a_heap_with_all_kinds),
		HEAP_TEST(test_what_makes_no_sense_is_torn),
		HEAP_TEST(test_a_footer_that_says_something_else_is_torn),
		HEAP_TEST(test_a_full_heap_ends_in_fences),
		HEAP_TEST(test_the_main_heap_is_interrupted),
		HEAP_TEST(test_pages_that_are_not_there),
		HEAP_TEST(test_a_chunk_that_reaches_beyond_the_window),
		HEAP_TEST(test_a_limit),
		HEAP_TEST(test_random_bytes),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
