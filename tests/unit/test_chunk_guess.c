/* SPDX-License-Identifier: BSD-2-Clause */
/* Which words of a made-up heap, that lies as low as sizes are, pass for chunks in use. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "memory/chunk_guess.h"
#include "memory/glibc_layout.h"

enum { START = 0x100000, SIZE = 16 * VIEW_PAGE_BYTES, CHUNK = 64, CHUNKS = 100 };

struct heap {
	uint64_t words[SIZE / 8];
	struct region region;
	struct regions regions;
	struct view *view;
};

static ssize_t read_heap(const struct page_source *source, uint64_t address, void *buffer,
			 size_t size)
{
	struct heap *heap = source->context;

	memcpy(buffer, (uint8_t *)heap->words + (address - START), size);
	return (ssize_t)size;
}

static ssize_t all_present(const struct page_source *source, uint64_t address, uint64_t *entries,
			   size_t size)
{
	(void)source;
	(void)address;
	for (size_t i = 0; i < size / sizeof(*entries); i++)
		entries[i] = PAGE_ENTRY_PRESENT;
	return (ssize_t)size;
}

static void put(struct heap *heap, uint64_t address, uint64_t word)
{
	heap->words[(address - START) / 8] = word;
}

/* Equal chunks in use, then the top, which ends with the mapping. */
static int setup(void **state)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	heap->region.mapping = (struct mapping){
		.start = START, .end = START + SIZE, .readable = true, .writable = true};
	heap->region.resident_bytes = SIZE;
	heap->regions = (struct regions){.items = &heap->region, .count = 1};
	for (uint64_t i = 0; i < CHUNKS; i++)
		put(heap, START + i * CHUNK + 8, CHUNK | CHUNK_PREV_IN_USE);
	put(heap, START + CHUNKS * CHUNK + 8, (SIZE - CHUNKS * CHUNK) | CHUNK_PREV_IN_USE);
	*state = heap;
	return 0;
}

static int teardown(void **state)
{
	struct heap *heap = *state;

	view_free(heap->view);
	free(heap);
	return 0;
}

static uint64_t guess(struct heap *heap, uint64_t address)
{
	const struct page_source source = {read_heap, all_present, heap, -1, -1};

	view_free(heap->view);
	heap->view = view_new_of(&source, &heap->regions, UINT64_C(1) << 20);
	assert_int_equal(view_fill(heap->view, START, START + SIZE), 0);
	return chunk_guess_bytes(heap->view, address);
}

static void test_chunks(void **state)
{
	struct heap *heap = *state;

	assert_int_equal(guess(heap, START + 16), CHUNK - 8);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), CHUNK - 8);
	/* the last before the top, and the top, which nothing says to be in use */
	assert_int_equal(guess(heap, START + (CHUNKS - 1) * CHUNK + 16), CHUNK - 8);
	assert_int_equal(guess(heap, START + CHUNKS * CHUNK + 16), 0);
	assert_int_equal(guess(heap, START + 8), 0);
	assert_int_equal(guess(heap, START + 32), 0);
	assert_int_equal(guess(heap, START - 4096), 0);
	/* free, by the header behind it */
	put(heap, START + 5 * CHUNK + 8, CHUNK);
	assert_int_equal(guess(heap, START + 4 * CHUNK + 16), 0);
}

static void test_ends(void **state)
{
	struct heap *heap = *state;

	/* fences end an arena that is full */
	put(heap, START + 12 * CHUNK + 8, CHUNK_HEADER_BYTES | CHUNK_PREV_IN_USE);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), CHUNK - 8);
	put(heap, START + 12 * CHUNK + 8, CHUNK_HEADER_BYTES);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), 0);
	/* of another arena, and mapped alone */
	put(heap, START + 12 * CHUNK + 8, CHUNK | CHUNK_PREV_IN_USE | CHUNK_NON_MAIN);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), 0);
	put(heap, START + 8, 2 * VIEW_PAGE_BYTES | CHUNK_IS_MMAPPED);
	assert_int_equal(guess(heap, START + 16), 2 * VIEW_PAGE_BYTES - 16);
}

/* In the arena of a thread all that is in use has its mark; what is free has not, nor the top. */
static void test_free_beside_the_main_arena(void **state)
{
	struct heap *heap = *state;

	for (uint64_t i = 0; i < CHUNKS; i++)
		put(heap, START + i * CHUNK + 8, CHUNK | CHUNK_PREV_IN_USE | CHUNK_NON_MAIN);
	assert_int_equal(guess(heap, START + 16), CHUNK - 8);
	assert_int_equal(guess(heap, START + (CHUNKS - 1) * CHUNK + 16), CHUNK - 8);
	/* one of main's among them, which is in use */
	put(heap, START + 12 * CHUNK + 8, CHUNK | CHUNK_PREV_IN_USE);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), 0);
	/* a free one: so the one behind it says */
	put(heap, START + 13 * CHUNK + 8, CHUNK | CHUNK_NON_MAIN);
	assert_int_equal(guess(heap, START + 10 * CHUNK + 16), CHUNK - 8);
	assert_int_equal(guess(heap, START + 11 * CHUNK + 16), CHUNK - 8);
	assert_int_equal(guess(heap, START + 12 * CHUNK + 16), 0);
}

/* A pointer into the heap reads as a size, with a header's bits behind it by chance. */
static void test_a_pointer_is_no_size(void **state)
{
	struct heap *heap = *state;
	uint64_t chunk = START + 2 * CHUNK;

	heap->region.mapping.end += START; /* the heap is larger than its own address */
	put(heap, chunk + 24, 0x4000);
	put(heap, chunk + 16 + 0x4000 + 8, 0x123 | CHUNK_PREV_IN_USE);
	assert_int_equal(guess(heap, chunk + 32), 0);
	put(heap, chunk + 16 + 0x4000 + 8, CHUNK | CHUNK_PREV_IN_USE);
	assert_int_equal(guess(heap, chunk + 32), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_beside_the_main_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_pointer_is_no_size, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
