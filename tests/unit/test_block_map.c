/* SPDX-License-Identifier: BSD-2-Clause */
/* Which block an address lies in: against a plain list of chunks of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory/block_map.h"

#define HEAP UINT64_C(0x555500000000)
#define BIG  UINT64_C(0x7f0020000000)

enum { CHUNKS = 3000, BIG_BYTES = 0x40000 };

static struct chunk chunks[CHUNKS];
static struct block_map map;
static uint64_t heap_end;

/* Small ones, and some that reach over many words of the bitmaps; every fifth is free. */
static void make_chunks(void)
{
	uint64_t at = HEAP;
	unsigned int seed = 7;

	for (size_t i = 0; i < CHUNKS; i++) {
		seed = seed * 1103515245 + 12345;
		uint64_t size = 32 + (seed >> 16) % 20 * 16;

		if (i % 100 == 99)
			size = 150000 + (seed >> 16) % 16 * 16;
		size &= ~UINT64_C(15);
		chunks[i] = (struct chunk){.address = at,
					   .block = at + 16,
					   .size = size,
					   .state = i % 5 == 4 ? CHUNK_FREE : CHUNK_LIVE};
		at += size;
	}
	heap_end = at;
}

static int setup(void **state)
{
	struct chunk big = {
		.address = BIG, .block = BIG + 16, .size = BIG_BYTES, .state = CHUNK_MMAPPED};

	(void)state;
	make_chunks();
	struct heap_segment segment = {.start = HEAP, .end = heap_end, .from = HEAP};
	struct arenas arenas = {.segments = &segment, .segment_count = 1};
	assert_int_equal(block_map_init(&map, &arenas), 0);
	assert_true(block_map_bytes(&arenas) < (heap_end - HEAP) / 28);
	for (size_t i = 0; i < CHUNKS; i++)
		block_map_add(&map, &chunks[i]);
	block_map_add(&map, &big);
	block_map_seal(&map);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	block_map_release(&map);
	return 0;
}

static void assert_points_into(uint64_t address, const struct chunk *chunk)
{
	struct block block;
	enum block_found found = block_map_find(&map, address, &block);

	assert_int_equal(found, chunk->state == CHUNK_LIVE ? BLOCK_LIVE : BLOCK_OTHER);
	assert_int_equal(block.address, chunk->block);
	assert_int_equal(block.bytes, chunk_usable(chunk));
}

static void test_addresses(void **state)
{
	struct block block;

	(void)state;
	for (size_t i = 0; i < CHUNKS; i++) {
		const struct chunk *chunk = &chunks[i];

		assert_points_into(chunk->block, chunk);
		assert_points_into(chunk->block + 7, chunk);
		assert_points_into(chunk->block + chunk->size / 2, chunk);
		if (i + 1 < CHUNKS) /* its last 8 bytes */
			assert_points_into(chunk->address + chunk->size + 7, chunk);
		/* no block has the word of sizes */
		assert_int_equal(block_map_find(&map, chunk->address + 8, &block), BLOCK_OTHER);
		assert_int_equal(block.address, 0);
	}
	assert_int_equal(block_map_find(&map, HEAP - 1, &block), BLOCK_NONE);
	assert_int_equal(block_map_find(&map, heap_end, &block), BLOCK_NONE);
	assert_int_equal(block_map_find(&map, 0, &block), BLOCK_NONE);
	assert_int_equal(block_map_find(&map, UINT64_MAX, &block), BLOCK_NONE);
}

static void test_mapping_of_its_own(void **state)
{
	struct block block;

	(void)state;
	assert_int_equal(block_map_find(&map, BIG + BIG_BYTES - 1, &block), BLOCK_LIVE);
	assert_int_equal(block.address, BIG + 16);
	assert_int_equal(block.bytes, BIG_BYTES - 16);
	assert_int_equal(block_map_find(&map, BIG + BIG_BYTES, &block), BLOCK_NONE);
}

static size_t count_unmarked(void)
{
	struct block block = {0};
	uint64_t last = 0;
	size_t count = 0;

	while (block_map_next_unmarked(&map, &block)) {
		assert_true(block.address > last);
		last = block.address;
		count++;
	}
	return count;
}

static void test_marks(void **state)
{
	struct block block, big;
	size_t live = CHUNKS - CHUNKS / 5 + 1;

	(void)state;
	assert_int_equal(count_unmarked(), live);
	for (size_t i = 0; i < CHUNKS; i += 5) {
		assert_int_equal(block_map_find(&map, chunks[i].block, &block), BLOCK_LIVE);
		assert_true(block_map_mark(&map, &block));
		assert_false(block_map_mark(&map, &block));
	}
	assert_int_equal(block_map_find(&map, BIG + 100, &big), BLOCK_LIVE);
	assert_true(block_map_mark(&map, &big));
	assert_false(block_map_mark(&map, &big));
	assert_int_equal(count_unmarked(), live - CHUNKS / 5 - 1);
}

static void test_postponed(void **state)
{
	struct block block = {0};

	(void)state;
	assert_false(block_map_next_pending(&map, &block));
	for (size_t i = 0; i < CHUNKS; i += 100) {
		assert_int_equal(block_map_find(&map, chunks[i].block, &block), BLOCK_LIVE);
		block_map_postpone(&map, &block);
	}
	assert_int_equal(block_map_find(&map, BIG + 16, &block), BLOCK_LIVE);
	block_map_postpone(&map, &block);
	block = (struct block){0};
	for (size_t i = 0; i < CHUNKS; i += 100) {
		assert_true(block_map_next_pending(&map, &block));
		assert_int_equal(block.address, chunks[i].block);
	}
	assert_true(block_map_next_pending(&map, &block));
	assert_int_equal(block.address, BIG + 16);
	assert_false(block_map_next_pending(&map, &block));
	block = (struct block){0};
	assert_false(block_map_next_pending(&map, &block));
}

static void test_no_heap(void **state)
{
	struct arenas arenas = {0};
	struct block_map empty;
	struct block block = {0};

	(void)state;
	assert_int_equal(block_map_init(&empty, &arenas), 0);
	block_map_seal(&empty);
	assert_int_equal(block_map_find(&empty, HEAP, &block), BLOCK_NONE);
	assert_false(block_map_next_unmarked(&empty, &block));
	block_map_release(&empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapping_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_postponed, setup, teardown),
		cmocka_unit_test(test_no_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
