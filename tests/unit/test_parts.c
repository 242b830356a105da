/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the memory of a made-up process is: each byte in one part, whatever its mappings are. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap_space.h"
#include "look/parts.h"
#include "made_tree.h"

#define SHARED_AT UINT64_C(0x7f0030000000)

enum {
	KB = 1024,
	HEAP_BYTES = SPACE_HEAP_PAGES * PAGES_BYTES,
	ARENA_BYTES = SPACE_ARENA_PAGES * PAGES_BYTES,
	LIBC_BYTES = SPACE_LIBC_PAGES * PAGES_BYTES,
	BIG_BYTES = SPACE_BIG_PAGES * PAGES_BYTES,
	FENCE_BYTES = 0x8d0,
	LIVE_BYTES_EACH = 32 + 48, /* of the first chunks, one behind the other */
	REGIONS_MAX = 16,
};

/* What pages_new() gives, and look_parts() frees. */
static struct pages *space;

static struct region regions_items[REGIONS_MAX];
static struct regions regions;
static struct look *look;
static size_t chunks_seen, heaps_seen;

struct pages *pages_new(pid_t pid, const struct regions *given)
{
	(void)pid;
	space->regions = *given;
	return space;
}

static int setup(void **state)
{
	(void)state;
	space = space_new();
	memcpy(regions_items, space->items, sizeof(space->items));
	regions = (struct regions){.items = regions_items, .count = SPACE_REGIONS};
	look = look_new();
	chunks_seen = heaps_seen = 0;
	tree_make("/tmp/unfreed-parts");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	look_free(look);
	tree_remove();
	return 0;
}

/* A mapping behind all others, all of it resident. */
static struct region *add_region(const char *path, uint64_t bytes, uint32_t flags)
{
	struct region *region = &regions_items[regions.count++];

	*region = (struct region){
		.mapping = {.start = SHARED_AT + (regions.count << 28),
			    .path = (char *)path,
			    .readable = true,
			    .writable = true},
		.flags = flags,
		.resident_bytes = bytes,
		.proportional_bytes = bytes / 2,
		.anonymous_bytes = bytes / 4,
	};
	region->mapping.end = region->mapping.start + bytes;
	return region;
}

static void count_chunk(void *context, const struct chunk *chunk)
{
	(void)context;
	(void)chunk;
	chunks_seen++;
}

static void count_heaps(void *context, const struct arenas *arenas)
{
	(void)context;
	assert_int_equal(chunks_seen, 0);
	heaps_seen += arenas->count;
}

static void look_at(const struct memory_claims *claims)
{
	const struct procfs procfs = {.root = tree_root};
	const struct parts_request request = {
		.procfs = &procfs,
		.pid = 77,
		.regions = &regions,
		.claims = claims,
		.chunk = count_chunk,
		.heaps = count_heaps,
	};
	uint64_t sum = 0, resident = 0;

	for (size_t i = 0; i < regions.count; i++)
		resident += regions_items[i].resident_bytes;
	assert_int_equal(look_parts(&request, look), 0);
	assert_true(look->parts_known);
	for (size_t i = 0; i < PART_COUNT; i++)
		sum += look->parts[i].resident_bytes;
	assert_int_equal(look->resident_bytes, resident);
	assert_int_equal(sum, resident);
}

static uint64_t resident(enum look_part_id part)
{
	return look->parts[part].resident_bytes;
}

static uint64_t bytes(enum look_part_id part)
{
	return look->parts[part].bytes;
}

static void assert_mapping(size_t index, const char *name, uint64_t count, uint64_t size)
{
	assert_true(index < look->mapping_count);
	assert_string_equal(look->mappings[index].name, name);
	assert_int_equal(look->mappings[index].count, count);
	assert_int_equal(look->mappings[index].bytes, size);
}

/* --- malloc --- */

static void test_chunks_are_told_apart(void **state)
{
	const struct look_malloc *malloc;
	uint64_t free_bytes;

	(void)state;
	look_at(NULL);
	malloc = look->malloc;
	assert_non_null(malloc);
	assert_string_equal(malloc->version, "2.35-2.42");
	assert_int_equal(malloc->arenas, 2);
	assert_int_equal(malloc->threads, 2);
	assert_int_equal(malloc->heaps, 1);
	assert_int_equal(malloc->mmapped_bytes, BIG_BYTES);
	assert_int_equal(malloc->mmapped_chunks, 1);
	assert_int_equal(malloc->system_bytes, HEAP_BYTES + ARENA_BYTES);
	assert_int_equal(malloc->cached_bytes + malloc->fastbin_bytes, 0);
	assert_int_equal(malloc->retries, 0);
	assert_int_equal(malloc->live_bytes + malloc->free_bytes + FENCE_BYTES,
			 HEAP_BYTES + ARENA_BYTES);
	assert_int_equal(bytes(PART_MALLOC_LIVE), malloc->live_bytes + BIG_BYTES);
	assert_int_equal(resident(PART_MALLOC_LIVE), malloc->live_bytes + BIG_BYTES);
	free_bytes = bytes(PART_MALLOC_FREE_RETURNABLE) + bytes(PART_MALLOC_FREE_PINNED);
	assert_int_equal(free_bytes, malloc->free_bytes);
	assert_int_equal(resident(PART_MALLOC_FREE_RETURNABLE), malloc->returnable_bytes);
	assert_int_equal(resident(PART_MALLOC_CACHE), 0);
	assert_int_equal(resident(PART_OTHER), FENCE_BYTES);
	assert_int_equal(resident(PART_FILES), LIBC_BYTES);
	assert_int_equal(resident(PART_ANONYMOUS), 0);
	assert_int_equal(look->uncertain[UNCERTAIN_MALLOC_TORN], 0);
	assert_null(look->malloc_problem);
	assert_int_equal(look->mapping_count, 0);
	assert_int_equal(heaps_seen, 2);
	assert_true(chunks_seen > malloc->live_chunks);
}

/* The sizes of live chunks come in order, and account for all that is live. */
static void test_live_chunks_by_size(void **state)
{
	uint64_t sum = 0, count = 0;

	(void)state;
	look_at(NULL);
	for (size_t i = 0; i < look->chunk_class_count; i++) {
		assert_true(!i || look->chunks[i].least > look->chunks[i - 1].least);
		assert_true(look->chunks[i].count);
		count += look->chunks[i].count;
		sum += look->chunks[i].bytes;
	}
	assert_int_equal(look->chunks[0].least, 32);
	assert_int_equal(look->chunks[0].bytes, 32 * look->chunks[0].count);
	assert_int_equal(sum, look->malloc->live_bytes + BIG_BYTES);
	assert_int_equal(count, look->malloc->live_chunks + 1);
}

/* The second arena's free chunks and its top are those of threads. */
static void test_what_arenas_of_threads_keep(void **state)
{
	uint64_t of_all;

	(void)state;
	look_at(NULL);
	of_all = look->malloc->free_bytes;
	assert_true(look->malloc->thread_arena_free > 0);
	assert_true(look->malloc->thread_arena_free < ARENA_BYTES);
	assert_true(look->malloc->thread_arena_free < of_all);
	assert_true(look->malloc->top_bytes >= 2 * 4096);
	assert_true(look->malloc->top_bytes <= of_all);
}

static void test_what_is_cached(void **state)
{
	(void)state;
	*space_word(space, SPACE_HEAP + 24) = SPACE_KEY;
	*space_word(space, SPACE_MAIN + arena_layouts[0].fastbins + 8) = SPACE_HEAP + 32;
	*space_word(space, SPACE_HEAP + 48) = (SPACE_HEAP + 48) >> 12;
	look_at(NULL);
	assert_int_equal(look->malloc->cached_bytes, 32);
	assert_int_equal(look->malloc->cached_chunks, 1);
	assert_int_equal(look->malloc->fastbin_bytes, 48);
	assert_int_equal(bytes(PART_MALLOC_CACHE), LIVE_BYTES_EACH);
	assert_int_equal(resident(PART_MALLOC_CACHE), LIVE_BYTES_EACH);
	/* a fastbin's chunk is free for malloc, and counts once */
	assert_int_equal(bytes(PART_MALLOC_FREE_RETURNABLE) + bytes(PART_MALLOC_FREE_PINNED),
			 look->malloc->free_bytes - 48);
}

/* The process goes on: chunks may have become resident since smaps was read. */
static void test_what_is_beyond_the_kernels_figure_is_taken_off(void **state)
{
	(void)state;
	regions_items[0].resident_bytes = 100 * KB;
	look_at(NULL);
	assert_int_equal(resident(PART_ANONYMOUS), 0);
	assert_true(resident(PART_MALLOC_LIVE) < bytes(PART_MALLOC_LIVE));
	assert_true(resident(PART_MALLOC_LIVE) > BIG_BYTES / 2);
}

static void test_what_the_chunks_leave_is_somebody_elses(void **state)
{
	(void)state;
	regions_items[0].resident_bytes += 64 * KB;
	look_at(NULL);
	assert_int_equal(resident(PART_ANONYMOUS), 64 * KB);
	assert_int_equal(bytes(PART_ANONYMOUS), 64 * KB);
	assert_mapping(0, LOOK_PLAIN_MAPPING, 0, 64 * KB);
}

static void test_a_block_that_moved(void **state)
{
	(void)state;
	space_word(space, SPACE_BIG)[1] = 0;
	look_at(NULL);
	assert_int_equal(bytes(PART_MALLOC_LIVE), look->malloc->live_bytes + BIG_BYTES);
	assert_int_equal(resident(PART_ANONYMOUS), 0);
	assert_int_equal(look->uncertain[UNCERTAIN_MALLOC_TORN], BIG_BYTES);
}

static void test_a_mapping_of_another_size_is_no_block_that_moved(void **state)
{
	(void)state;
	space_word(space, SPACE_BIG)[1] = 0;
	regions_items[3].mapping.end += BIG_BYTES;
	look_at(NULL);
	assert_int_equal(bytes(PART_MALLOC_LIVE), look->malloc->live_bytes);
	assert_int_equal(resident(PART_ANONYMOUS), BIG_BYTES);
	assert_mapping(0, LOOK_PLAIN_MAPPING, 1, BIG_BYTES);
}

static void test_two_blocks_that_are_missing_are_not_guessed_at(void **state)
{
	uint64_t mp = SPACE_LIBC + SPACE_MP_AT;

	(void)state;
	space_word(space, SPACE_BIG)[1] = 0;
	*(uint32_t *)((char *)space_word(space, mp) + parameters_layouts[1].mmap_count) = 2;
	*(uint32_t *)((char *)space_word(space, mp) + parameters_layouts[1].mmap_count_max) = 2;
	look_at(NULL);
	assert_int_equal(resident(PART_ANONYMOUS), BIG_BYTES);
}

static void test_a_heap_that_is_not_understood(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < LIBC_BYTES; at += 8)
		*space_word(space, SPACE_LIBC + at) = 0;
	look_at(NULL);
	assert_non_null(look->malloc_problem);
	assert_null(look->malloc);
	assert_int_equal(chunks_seen + heaps_seen, 0);
	assert_int_equal(resident(PART_MALLOC_LIVE), 0);
	assert_int_equal(resident(PART_ANONYMOUS), HEAP_BYTES + ARENA_BYTES + BIG_BYTES);
	assert_mapping(0, "sbrk", 1, HEAP_BYTES);
	assert_mapping(1, LOOK_PLAIN_MAPPING, 2, ARENA_BYTES + BIG_BYTES);
}

/* --- mappings --- */

static void test_each_mapping_is_in_one_part(void **state)
{
	struct region *file, *reserved;

	(void)state;
	add_region("/dev/shm/x", 8 * KB, REGION_SHARED);
	add_region("", 16 * KB, REGION_DEVICE);
	add_region("[vdso]", 4 * KB, 0);
	add_region("[stack]", 20 * KB, 0);
	add_region("", 28 * KB, REGION_STACK);
	file = add_region("/data", 32 * KB, 0);
	file->mapping.inode = 9;
	reserved = add_region("", 64 * KB, 0);
	reserved->resident_bytes = 24 * KB;
	reserved->swapped_bytes = 12 * KB;
	reserved->huge_bytes = 4 * KB;
	look_at(NULL);
	assert_int_equal(resident(PART_SHARED), 8 * KB);
	assert_int_equal(resident(PART_OTHER), 20 * KB + FENCE_BYTES);
	assert_int_equal(resident(PART_STACKS), 48 * KB);
	assert_int_equal(resident(PART_FILES), LIBC_BYTES + 32 * KB);
	assert_int_equal(resident(PART_ANONYMOUS), 24 * KB);
	/* what was never touched does not count */
	assert_int_equal(bytes(PART_ANONYMOUS), 36 * KB);
	assert_int_equal(look->swapped_bytes, 12 * KB);
	assert_int_equal(look->uncertain[UNCERTAIN_SWAPPED], 12 * KB);
	assert_int_equal(look->huge_bytes, 4 * KB);
	assert_int_equal(look->anonymous_bytes, (8 + 16 + 4 + 20 + 28 + 32 + 64) * KB / 4);
	assert_int_equal(look->proportional_bytes, (8 + 16 + 4 + 20 + 28 + 32 + 64) * KB / 2);
}

/* Where a block of malloc begins another mapping ends. */
static void test_a_mapping_beside_a_block_is_none(void **state)
{
	struct region big = regions_items[3];

	(void)state;
	regions_items[3] = (struct region){.mapping = big.mapping, .resident_bytes = 8 * KB};
	regions_items[3].mapping.start = SPACE_BIG - 8 * KB;
	regions_items[3].mapping.end = SPACE_BIG;
	regions_items[regions.count++] = big;
	look_at(NULL);
	assert_int_equal(resident(PART_ANONYMOUS), 8 * KB);
	assert_mapping(0, LOOK_PLAIN_MAPPING, 1, 8 * KB);
}

static void test_what_is_only_reserved_does_not_count(void **state)
{
	struct region *reserved;

	(void)state;
	reserved = add_region("/reserved", 64 * KB, 0);
	reserved->mapping.inode = 9;
	reserved->mapping.readable = false;
	reserved->resident_bytes = 0;
	look_at(NULL);
	assert_int_equal(bytes(PART_FILES), LIBC_BYTES);
}

static void test_mappings_by_name_most_first(void **state)
{
	(void)state;
	add_region("[anon: glibc: malloc]", 4 * KB, 0);
	add_region("[anon:buffer 7]", 16 * KB, 0);
	add_region("[anon:buffer 8]", 16 * KB, 0);
	add_region("", 8 * KB, 0);
	add_region("", 8 * KB, 0)->resident_bytes = 0;
	look_at(NULL);
	assert_int_equal(look->mapping_count, 3);
	assert_mapping(0, "buffer", 2, 32 * KB);
	assert_mapping(1, LOOK_PLAIN_MAPPING, 1, 8 * KB);
	assert_mapping(2, "glibc: malloc", 1, 4 * KB);
}

static void test_who_owns_what_has_no_name(void **state)
{
	struct region *file;

	(void)state;
	file = add_region("/usr/bin/php8.2", 4 * KB, 0);
	file->mapping.inode = 9;
	file->mapping.executable = true;
	add_region("", 8 * KB, 0);
	add_region("", 16 * KB, 0)->mapping.executable = true;
	look_at(NULL);
	assert_int_equal(look->mapping_count, 2);
	assert_mapping(0, "code made at run time", 1, 16 * KB);
	assert_mapping(1, "PHP", 1, 8 * KB);
}

/* A module that was loaded below PHP's heap has it behind its zeroes: both are one mapping. */
static void test_a_heap_behind_a_module(void **state)
{
	static const struct {
		uint64_t zeroes, heap;
		bool of_file;
	} cases[] = {{12 * KB, 0, true},
		     {1 << 20, 0, true},
		     {12 * KB, 2 << 20, false},
		     {0, 2 << 20, false},
		     {12 * KB, (2 << 20) - 4 * KB, true}};

	uint64_t of_file = LIBC_BYTES;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct region *module = add_region("/usr/lib/sockets.so", 4 * KB, 0);
		struct region *behind = add_region("", cases[i].zeroes + cases[i].heap, 0);
		uint64_t heap_at = SHARED_AT + (regions.count << 28);

		behind->mapping.start = heap_at - cases[i].zeroes;
		behind->mapping.end = heap_at + cases[i].heap;
		module->mapping.inode = 9;
		module->mapping.end = behind->mapping.start;
		module->mapping.start = module->mapping.end - 4 * KB;
		of_file += 4 * KB + (cases[i].of_file ? behind->resident_bytes : 0);
	}
	look_at(NULL);
	assert_int_equal(resident(PART_FILES), of_file);
}

/* --- CPython's allocator --- */

/* No block of malloc has a mapping: that is Python's. */
static void give_big_to_python(void)
{
	uint64_t mp = SPACE_LIBC + SPACE_MP_AT;

	space_word(space, SPACE_BIG)[1] = 0;
	*(uint32_t *)((char *)space_word(space, mp) + parameters_layouts[1].mmap_count) = 0;
	*space_word(space, mp + parameters_layouts[1].mmapped_bytes) = 0;
}

static void test_claims_are_in_use_or_free(void **state)
{
	const struct memory_claim pools[] = {
		{SPACE_BIG, SPACE_BIG + 16 * KB, 10000},
		{SPACE_BIG + 32 * KB, SPACE_BIG + 48 * KB, 16000},
	};
	const struct memory_claims claims = {pools, 2, 0};

	(void)state;
	give_big_to_python();
	look_at(&claims);
	assert_int_equal(bytes(PART_PYTHON_LIVE), 26000);
	assert_int_equal(resident(PART_PYTHON_LIVE), 26000);
	assert_int_equal(bytes(PART_PYTHON_FREE), 32 * KB - 26000);
	assert_int_equal(resident(PART_PYTHON_FREE), 32 * KB - 26000);
	assert_int_equal(resident(PART_ANONYMOUS), BIG_BYTES - 32 * KB);
}

static void test_what_of_a_claim_is_not_there(void **state)
{
	const struct memory_claim pool = {SPACE_BIG, SPACE_BIG + 16 * KB, 10000};
	const struct memory_claims claims = {&pool, 1, 0};
	size_t first = SPACE_PAGES - SPACE_BIG_PAGES;

	(void)state;
	give_big_to_python();
	for (size_t i = 0; i < 3; i++)
		space->states[first + i] = PAGE_ABSENT;
	look_at(&claims);
	assert_int_equal(bytes(PART_PYTHON_LIVE), 10000);
	assert_int_equal(resident(PART_PYTHON_LIVE), 4 * KB);
	assert_int_equal(resident(PART_PYTHON_FREE), 0);
	assert_int_equal(bytes(PART_PYTHON_FREE), 16 * KB - 10000);
}

/* The list of arenas, in a live block of malloc with room for 16 entries: one of 8 KiB. */
#define LIST_AT (SPACE_HEAP + 32 + 48 + 1040 + 64 + 16)

static void list_arena(size_t index, uint64_t address, uint32_t pools)
{
	uint64_t entry = LIST_AT + index * 48;

	*space_word(space, entry) = address;
	*space_word(space, entry + 8) = address + 64 * KB;
	*(uint32_t *)space_word(space, entry + 16) = 3;
	((uint32_t *)space_word(space, entry + 16))[1] = pools;
}

static void test_free_memory_of_arenas_is_known_by_their_list(void **state)
{
	const struct memory_claim pool = {SPACE_BIG + 32 * KB, SPACE_BIG + 48 * KB, 9000};
	const struct memory_claims claims = {&pool, 1, 128 * KB};

	(void)state;
	give_big_to_python();
	list_arena(0, SPACE_BIG, 64);
	look_at(&claims);
	assert_int_equal(bytes(PART_PYTHON_LIVE), 9000);
	assert_int_equal(resident(PART_PYTHON_FREE), 128 * KB - 9000);
	assert_int_equal(resident(PART_ANONYMOUS), BIG_BYTES - 128 * KB);
}

static void test_arenas_that_touch_count_once(void **state)
{
	const struct memory_claim pools[] = {
		{SPACE_BIG + 60 * KB, SPACE_BIG + 68 * KB, 5000},
		{SPACE_BIG + 140 * KB, SPACE_BIG + 144 * KB, 1000},
	};
	const struct memory_claims claims = {pools, 2, 64 * KB};

	(void)state;
	give_big_to_python();
	list_arena(0, SPACE_BIG + 64 * KB, 63);
	list_arena(1, SPACE_BIG, 63);
	look_at(&claims);
	assert_int_equal(bytes(PART_PYTHON_LIVE), 6000);
	assert_int_equal(resident(PART_PYTHON_FREE), 128 * KB - 5000 + 3096);
	assert_int_equal(resident(PART_ANONYMOUS), BIG_BYTES - 132 * KB);
}

static void test_what_is_no_list_of_arenas(void **state)
{
	const struct memory_claim pool = {SPACE_BIG + 32 * KB, SPACE_BIG + 48 * KB, 9000};
	const struct memory_claims claims = {&pool, 1, 128 * KB};

	(void)state;
	give_big_to_python();
	list_arena(0, SPACE_BIG, 64);
	list_arena(3, SPACE_BIG, 17); /* no arena has so many pools */
	look_at(&claims);
	assert_int_equal(resident(PART_PYTHON_FREE), 16 * KB - 9000);
}

/* A list in whose arenas no pool was seen says nothing of Python. */
static void test_a_list_without_pools_does_not_count(void **state)
{
	const struct memory_claim pool = {SPACE_BIG + 140 * KB, SPACE_BIG + 144 * KB, 1000};
	const struct memory_claims claims = {&pool, 1, 128 * KB};

	(void)state;
	give_big_to_python();
	list_arena(0, SPACE_BIG, 64);
	look_at(&claims);
	assert_int_equal(resident(PART_PYTHON_FREE), 4 * KB - 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_chunks_are_told_apart),
		TEST(test_live_chunks_by_size),
		TEST(test_what_arenas_of_threads_keep),
		TEST(test_what_is_cached),
		TEST(test_what_is_beyond_the_kernels_figure_is_taken_off),
		TEST(test_what_the_chunks_leave_is_somebody_elses),
		TEST(test_a_block_that_moved),
		TEST(test_a_mapping_of_another_size_is_no_block_that_moved),
		TEST(test_two_blocks_that_are_missing_are_not_guessed_at),
		TEST(test_a_heap_that_is_not_understood),
		TEST(test_each_mapping_is_in_one_part),
		TEST(test_a_heap_behind_a_module),
		TEST(test_a_mapping_beside_a_block_is_none),
		TEST(test_what_is_only_reserved_does_not_count),
		TEST(test_mappings_by_name_most_first),
		TEST(test_who_owns_what_has_no_name),
		TEST(test_claims_are_in_use_or_free),
		TEST(test_what_of_a_claim_is_not_there),
		TEST(test_free_memory_of_arenas_is_known_by_their_list),
		TEST(test_arenas_that_touch_count_once),
		TEST(test_what_is_no_list_of_arenas),
		TEST(test_a_list_without_pools_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
