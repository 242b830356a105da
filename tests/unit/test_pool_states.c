/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of blocks of pymalloc, of pools made here: in use, gone, torn, in swap. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/types.h>

#include "lib/bytes.h"
#include "python/objects/pool_states.h"

enum { POOL = 16384, HEADER = 48, SIZE = 64, USED = 5, PAGE = 4096 };
#define START UINT64_C(0x7f0000000000)

/* Two pools, of which the second is nobody's. */
static struct {
	_Alignas(8) uint8_t bytes[2 * POOL];
	uint64_t entries[2 * POOL / PAGE];
	int changes; /* so many readings of a pool, each is followed by a change of it */
	int readings;
} target;

static void put(uint64_t at, uint64_t value)
{
	memcpy(target.bytes + at, &value, sizeof(value));
}

static void put_u32(uint64_t at, uint32_t value)
{
	memcpy(target.bytes + at, &value, sizeof(value));
}

static uint64_t block(int number)
{
	return HEADER + (uint64_t)number * SIZE;
}

/* Of five blocks that were ever used, the second and the fourth are free. */
static void make(void)
{
	memset(&target, 0, sizeof(target));
	for (size_t i = 0; i < sizeof(target.entries) / sizeof(*target.entries); i++)
		target.entries[i] = PAGE_ENTRY_PRESENT;
	put_u32(0, USED - 2);
	put(8, START + block(3));
	put(block(3), START + block(1));
	put_u32(36, SIZE / 16 - 1);
	put_u32(40, (uint32_t)block(USED));
	put_u32(44, POOL - SIZE);
}

static ssize_t read_memory(const struct page_source *source, uint64_t address, void *buffer,
			   size_t size)
{
	(void)source;
	if (address < START || address + size > START + sizeof(target.bytes))
		return -1;
	memcpy(buffer, target.bytes + (address - START), size);
	if (size > HEADER && address == START && target.readings++ < target.changes) {
		uint32_t used;

		/* the first free block is given out */
		memcpy(&used, target.bytes, sizeof(used));
		put_u32(0, target.readings % 2 ? used + 1 : used - 1);
	}
	return (ssize_t)size;
}

static ssize_t read_pagemap(const struct page_source *source, uint64_t address, uint64_t *entries,
			    size_t size)
{
	(void)source;
	if (address < START || address >= START + sizeof(target.bytes)) {
		memset(entries, 0, size);
		return (ssize_t)size;
	}
	memcpy(entries, target.entries + (address - START) / PAGE, size);
	return (ssize_t)size;
}

static struct pool_states *look(void)
{
	static const struct page_source source = {
		.read = read_memory, .pagemap = read_pagemap, .memory_fd = -1, .pagemap_fd = -1};
	uint64_t addresses[] = {START + POOL, START, START, START + 8 * (uint64_t)POOL};
	struct pool_states *states = pool_states_read(&source, POOL, addresses, 4);

	assert_non_null(states);
	return states;
}

static void check(const struct pool_states *states, int number, uint64_t bytes,
		  enum pool_block_state expected)
{
	assert_int_equal(pool_states_of(states, START + block(number), bytes), expected);
}

static void test_blocks(void **state)
{
	(void)state;
	make();
	struct pool_states *states = look();

	check(states, 0, SIZE, POOL_BLOCK_IN_USE);
	check(states, 1, SIZE, POOL_BLOCK_GONE);
	check(states, 2, 1, POOL_BLOCK_IN_USE);
	check(states, 3, SIZE, POOL_BLOCK_GONE);
	check(states, 4, SIZE, POOL_BLOCK_IN_USE);
	check(states, 5, SIZE, POOL_BLOCK_GONE); /* never used */
	check(states, 4, SIZE + 1, POOL_BLOCK_GONE);
	assert_int_equal(pool_states_of(states, START + block(4) + 8, 1), POOL_BLOCK_GONE);
	assert_int_equal(pool_states_of(states, START + POOL + block(0), 1), POOL_BLOCK_GONE);
	assert_int_equal(pool_states_of(states, START + 8 * POOL + block(0), 1), POOL_BLOCK_GONE);
	assert_true(pool_states_have(states, START + block(3)));
	assert_false(pool_states_have(states, START + POOL));
	pool_states_free(states);
}

struct seen {
	uint64_t addresses[USED + 1];
	size_t count;
};

static void see(void *context, uint64_t address, uint32_t class_bytes)
{
	struct seen *seen = context;

	assert_int_equal(class_bytes, SIZE);
	assert_in_range(seen->count, 0, USED);
	seen->addresses[seen->count++] = address;
}

static void test_each(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	make();
	struct pool_states *states = look();
	pool_states_leave_out(states, START + block(2));
	pool_states_leave_out(states, START + block(3));
	pool_states_leave_out(states, START + block(5));
	pool_states_leave_out(states, START + POOL);
	pool_states_each(states, see, &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.addresses[0], START + block(0));
	assert_int_equal(seen.addresses[1], START + block(4));
	pool_states_free(states);
}

/* It changes behind the reading: what was read may be of two moments. */
static void test_a_change_meanwhile(void **state)
{
	(void)state;
	make();
	target.changes = 2;
	struct pool_states *states = look();

	assert_int_equal(target.readings, 3);
	check(states, 0, SIZE, POOL_BLOCK_IN_USE);
	check(states, 1, SIZE, POOL_BLOCK_GONE);
	pool_states_free(states);
}

static void test_changes_without_end(void **state)
{
	(void)state;
	make();
	target.changes = 1 << 20;
	struct pool_states *states = look();

	check(states, 0, SIZE, POOL_BLOCK_UNREAD);
	check(states, 1, SIZE, POOL_BLOCK_UNREAD);
	pool_states_free(states);
}

static void test_in_swap(void **state)
{
	(void)state;
	make();
	target.entries[2] = PAGE_ENTRY_SWAPPED;
	struct pool_states *states = look();

	check(states, 0, SIZE, POOL_BLOCK_UNREAD);
	assert_int_equal(target.readings, 0);
	pool_states_free(states);
}

static void test_not_there(void **state)
{
	(void)state;
	make();
	target.entries[0] = 0;
	struct pool_states *states = look();

	check(states, 0, SIZE, POOL_BLOCK_GONE);
	pool_states_free(states);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_a_change_meanwhile),
		cmocka_unit_test(test_changes_without_end),
		cmocka_unit_test(test_in_swap),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
