/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas of a made-up process: found, walked through, and refused where they do not fit. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap_space.h"

struct sums {
	uint64_t bytes[CHUNK_STATE_COUNT];
	uint64_t resident;
	uint64_t told; /* where the last chunk ended */
	bool gaps;
};

static void add_chunk(void *context, const struct chunk *chunk)
{
	struct sums *sums = context;

	sums->bytes[chunk->state] += chunk->size;
	sums->resident += chunk->resident_bytes;
	sums->gaps |= chunk->address != sums->told && chunk->address != SPACE_HEAP &&
		      chunk->address != SPACE_ARENA && chunk->address != SPACE_BIG;
	sums->told = chunk->address + chunk->size;
}

static struct sums walk(struct pages *space, struct walk_numbers *numbers)
{
	struct arenas arenas;
	struct sums sums = {0};

	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_string_equal(arenas.problem, "");
	assert_int_equal(arenas_walk(space, &arenas, add_chunk, &sums, numbers), 0);
	assert_false(sums.gaps);
	arenas_release(&arenas);
	return sums;
}

static uint64_t sum_of(const struct sums *sums)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < CHUNK_STATE_COUNT; i++)
		sum += sums->bytes[i];
	return sum;
}

static const uint64_t all_bytes =
	(SPACE_HEAP_PAGES + SPACE_ARENA_PAGES + SPACE_BIG_PAGES) * PAGES_BYTES;

static int setup(void **state)
{
	*state = space_new();
	return 0;
}

static int teardown(void **state)
{
	pages_free(*state);
	return 0;
}

static void test_all_is_found(void **state)
{
	struct arenas arenas;

	assert_int_equal(arenas_find(*state, &arenas), 0);
	assert_string_equal(arenas.problem, "");
	assert_string_equal(arenas.version, "2.35-2.42");
	assert_int_equal(arenas.main_address, SPACE_MAIN);
	assert_int_equal(arenas.parameters_address, SPACE_LIBC + SPACE_MP_AT);
	assert_int_equal(arenas.count, 2);
	assert_int_equal(arenas.segment_count, 2);
	assert_int_equal(arenas.mmapped_found, 1);
	assert_int_equal(arenas.cache_key_count, 1);
	assert_true(arenas.cache_keys[0] == SPACE_KEY);
	assert_ptr_equal(arenas_find_segment(&arenas, SPACE_ARENA + 5000), &arenas.segments[1]);
	assert_null(arenas_find_segment(&arenas, SPACE_LIBC));
	arenas_release(&arenas);
}

static void test_each_byte_is_told_once(void **state)
{
	struct walk_numbers numbers;
	struct sums sums = walk(*state, &numbers);

	assert_int_equal(numbers.retries, 0);
	assert_int_equal(sum_of(&sums), all_bytes);
	assert_int_equal(sums.resident, all_bytes);
	assert_int_equal(sums.bytes[CHUNK_MMAPPED], SPACE_BIG_PAGES * PAGES_BYTES);
	assert_int_equal(sums.bytes[CHUNK_FENCE], 0x8d0);
	assert_true(sums.bytes[CHUNK_FREE] && sums.bytes[CHUNK_LIVE] && sums.bytes[CHUNK_TOP]);
	assert_int_equal(sums.bytes[CHUNK_UNKNOWN], 0);
}

/* A list of one chunk, of 48 bytes, in the second bin. */
static void space_fastbin(struct pages *space)
{
	*space_word(space, SPACE_MAIN + arena_layouts[0].fastbins + 8) = SPACE_HEAP + 32;
	*space_word(space, SPACE_HEAP + 48) = (SPACE_HEAP + 48) >> 12; /* the list's end, hidden */
}

static void test_cached_blocks(void **state)
{
	struct walk_numbers numbers;

	*space_word(*state, SPACE_HEAP + 24) = SPACE_KEY;
	space_fastbin(*state);
	struct sums sums = walk(*state, &numbers);
	assert_int_equal(sums.bytes[CHUNK_TCACHE], 32);
	assert_int_equal(sums.bytes[CHUNK_FASTBIN], 48);
	assert_int_equal(sum_of(&sums), all_bytes);
}

static uint64_t bytes_in_fastbins(struct pages *space, size_t torn_reads, uint32_t torn_fastbins)
{
	struct walk_numbers numbers;
	struct arenas arenas;
	struct sums sums = {0};

	space_fastbin(space);
	space->torn_at = SPACE_HEAP + 48;
	space->torn_reads = torn_reads;
	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_int_equal(arenas.torn_fastbins, torn_fastbins);
	assert_int_equal(arenas_walk(space, &arenas, add_chunk, &sums, &numbers), 0);
	arenas_release(&arenas);
	return sums.bytes[CHUNK_FASTBIN];
}

static void test_a_fastbin_that_changes(void **state)
{
	assert_int_equal(bytes_in_fastbins(*state, 5, 0), 48);
	assert_int_equal(bytes_in_fastbins(*state, SIZE_MAX, 1 << 1),
			 48); /* up to where it tears */
}

static void test_swapped_pages_are_passed_over(void **state)
{
	struct pages *space = *state;
	struct walk_numbers numbers;

	for (size_t i = 10; i < 20; i++)
		space->states[i] = PAGE_SWAPPED;
	struct sums sums = walk(space, &numbers);
	assert_int_equal(sum_of(&sums), all_bytes);
	assert_int_equal(sums.resident, all_bytes - 10 * PAGES_BYTES);
	assert_true(sums.bytes[CHUNK_UNKNOWN] >= 8 * PAGES_BYTES);
	assert_true(sums.bytes[CHUNK_UNKNOWN] < 14 * PAGES_BYTES);
	assert_true(numbers.swapped_bytes > 8 * PAGES_BYTES);
	assert_int_equal(numbers.retries, 0);
}

static void test_damage_is_passed_over(void **state)
{
	struct walk_numbers numbers;

	space_word(*state, SPACE_HEAP + 32)[1] = 0x123456789;
	struct sums sums = walk(*state, &numbers);
	assert_int_equal(sum_of(&sums), all_bytes);
	assert_true(numbers.retries > 0);
	assert_int_equal(numbers.torn_bytes, sums.bytes[CHUNK_UNKNOWN]);
	assert_true(sums.bytes[CHUNK_UNKNOWN] > 0 && sums.bytes[CHUNK_UNKNOWN] < 2 * PAGES_BYTES);
}

static void assert_refused(struct pages *space, const char *problem)
{
	struct arenas arenas;

	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_string_equal(arenas.problem, problem);
	assert_int_equal(arenas.segment_count, 0);
	arenas_release(&arenas);
}

static const char misfit[] = "glibc's malloc is there, but its structures do not fit each other";

static void test_a_ring_that_does_not_close(void **state)
{
	*space_word(*state, SPACE_ARENA + 0x30 + arena_layouts[0].next) = SPACE_ARENA + 0x30;
	assert_refused(*state, misfit);
}

static void test_heaps_that_go_round(void **state)
{
	space_word(*state, SPACE_ARENA)[1] = SPACE_ARENA;
	assert_refused(*state, misfit);
}

static void test_a_heap_of_another_arena(void **state)
{
	space_word(*state, SPACE_ARENA)[0] = SPACE_MAIN;
	assert_refused(*state, misfit);
}

static void test_a_malloc_that_nobody_calls(void **state)
{
	uint64_t *words = space_word(*state, SPACE_MAIN);

	memset(words, 0, arena_layouts[0].size);
	*space_word(*state, SPACE_MAIN + arena_layouts[0].next) = SPACE_MAIN;
	*space_word(*state, SPACE_MAIN + arena_layouts[0].attached_threads) = 1;
	assert_refused(*state, "glibc's malloc is not in use: another allocator is in use");
	((struct pages *)*state)->items[3].mapping.path = (char *)"/usr/lib/libjemalloc.so.2";
	assert_refused(*state, "glibc's malloc is not in use: jemalloc");
}

/* As mallinfo and malloc_trim leave it. Without another allocator it is one that has just begun. */
static void test_a_malloc_that_is_only_ready(void **state)
{
	struct pages *space = *state;
	struct arenas arenas;

	space_arena(space, SPACE_MAIN, SPACE_MAIN, SPACE_MAIN + arena_layouts[0].top, 0);
	space->items[3].mapping.path = (char *)"/usr/lib/libjemalloc.so.2";
	assert_refused(space, "glibc's malloc is not in use: jemalloc");
	space->items[3].mapping.path = (char *)"/usr/lib/libm.so.6";
	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_false(arenas.is_other);
	arenas_release(&arenas);
}

/* Nobody calls Go's allocator as malloc. */
static void test_the_heap_of_a_language(void **state)
{
	struct pages *space = *state;
	struct arenas arenas;

	memset(space_word(space, SPACE_MAIN), 0, arena_layouts[0].size);
	*space_word(space, SPACE_MAIN + arena_layouts[0].next) = SPACE_MAIN;
	*space_word(space, SPACE_MAIN + arena_layouts[0].attached_threads) = 1;
	space->items[3].mapping.path = (char *)"[anon: Go: heap]";
	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_string_equal(arenas.problem, "glibc's malloc is not in use: Go's");
	assert_true(arenas.is_runtime);
	arenas_release(&arenas);
	space->items[3].mapping.path = (char *)"/usr/lib/libjemalloc.so.2";
	assert_int_equal(arenas_find(space, &arenas), 0);
	assert_false(arenas.is_runtime);
	arenas_release(&arenas);
}

static void test_structures_in_swap(void **state)
{
	struct pages *space = *state;
	size_t page = space_page(space, SPACE_LIBC);

	space->states[page] = space->states[page + 1] = PAGE_SWAPPED;
	assert_refused(space, "the data of its C library is in swap");
}

/* An arena that is not in use says what there is, also where others may be in swap. */
static void test_an_unused_malloc_beside_what_is_in_swap(void **state)
{
	struct pages *space = *state;

	memset(space_word(space, SPACE_MAIN), 0, arena_layouts[0].size);
	*space_word(space, SPACE_MAIN + arena_layouts[0].next) = SPACE_MAIN;
	*space_word(space, SPACE_MAIN + arena_layouts[0].attached_threads) = 1;
	space->states[space_page(space, SPACE_LIBC) + 1] = PAGE_SWAPPED;
	assert_refused(space, "glibc's malloc is not in use: another allocator is in use");
}

/* Of a block that is aligned to more than a page has, the header lies before that: by any power. */
static void test_blocks_aligned_to_any_power(void **state)
{
	static const uint64_t offsets[] = {0x10, 0x30, 0x70, 0xf0, 0x1f0, 0x3f0, 0x7f0, 0xff0};
	struct pages *space = *state;

	space_word(space, SPACE_BIG)[1] = 0;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		uint64_t *header = space_word(space, SPACE_BIG + offsets[i]);
		struct arenas arenas;

		header[0] = offsets[i];
		header[1] = (SPACE_BIG_PAGES * PAGES_BYTES - offsets[i]) | CHUNK_IS_MMAPPED;
		assert_int_equal(arenas_find(space, &arenas), 0);
		assert_int_equal(arenas.mmapped_found, 1);
		assert_true(arenas.mmapped[0].start == SPACE_BIG);
		assert_true(arenas.mmapped[0].block == SPACE_BIG + offsets[i] + 16);
		arenas_release(&arenas);
		header[0] = header[1] = 0;
	}
}

int main(void)
{
#define SPACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		SPACE_TEST(test_all_is_found),
		SPACE_TEST(test_each_byte_is_told_once),
		SPACE_TEST(test_cached_blocks),
		SPACE_TEST(test_a_fastbin_that_changes),
		SPACE_TEST(test_swapped_pages_are_passed_over),
		SPACE_TEST(test_damage_is_passed_over),
		SPACE_TEST(test_a_ring_that_does_not_close),
		SPACE_TEST(test_heaps_that_go_round),
		SPACE_TEST(test_a_heap_of_another_arena),
		SPACE_TEST(test_a_malloc_that_nobody_calls),
		SPACE_TEST(test_a_malloc_that_is_only_ready),
		SPACE_TEST(test_the_heap_of_a_language),
		SPACE_TEST(test_structures_in_swap),
		SPACE_TEST(test_an_unused_malloc_beside_what_is_in_swap),
		SPACE_TEST(test_blocks_aligned_to_any_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
