/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an interpreter counts of its own blocks, in memory that is made up here: by static variables
 * up to 3.11, by state of each interpreter from 3.12 on.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "python/coverage.h"

#define HERE       UINT64_C(0x7f0000000000)
#define ARENA      (HERE + 0x100000)
#define RUNTIME    HERE
#define VARIABLES  (HERE + 0x2000)
#define ARENA_LIST (HERE + 0x3000)
#define FIRST      (HERE + 0x10000)
#define SECOND     (HERE + 0x20000)
#define STATE      (HERE + 0x30000)

enum { BYTES = 1 << 21, CODE_AT = 0x10000 };

struct target {
	uint8_t *bytes;
	int error; /* of a process that is gone */
	struct python_interpreter interpreter;
};

static int read_target(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	const struct target *target = memory->context;

	if (target->error)
		return target->error;
	if (address < HERE || address + size > HERE + BYTES)
		return -EFAULT;
	memcpy(buffer, target->bytes + (address - HERE), size);
	return 0;
}

static void begin(struct target *target, unsigned int minor)
{
	*target = (struct target){.bytes = calloc(1, BYTES)};
	assert_non_null(target->bytes);
	assert_int_equal(
		python_layout_by_version(PYTHON_VERSION(3, minor), &target->interpreter.layout), 0);
	target->interpreter.memory = (struct memory){.read = read_target, .context = target};
	target->interpreter.runtime = RUNTIME;
}

static void put(struct target *target, uint64_t address, uint64_t value)
{
	memcpy(target->bytes + (address - HERE), &value, sizeof(value));
}

static void put_u32(struct target *target, uint64_t address, uint32_t value)
{
	memcpy(target->bytes + (address - HERE), &value, sizeof(value));
}

/* A pool of blocks of a size class: the first is of 16 bytes. */
static void put_pool(struct target *target, uint64_t address, uint32_t blocks, uint32_t class)
{
	put_u32(target, address, blocks);
	put_u32(target, address + 36, class);
}

/* An arena, of whose pools the first are taken into use. It begins behind where pools may. */
static void put_arena(struct target *target, uint64_t list, size_t number, uint64_t address,
		      size_t pools)
{
	uint64_t size = target->interpreter.layout.pool_bytes;

	put(target, list + 48 * number, address);
	put(target, list + 48 * number + 8, ((address + size - 1) & ~(size - 1)) + pools * size);
}

static const struct python_counters counters = {
	.raw_blocks = VARIABLES,
	.arenas = VARIABLES + 8,
	.arena_count = VARIABLES + 16,
};

static void put_counters(struct target *target, uint64_t raw, uint32_t arenas)
{
	put(target, VARIABLES, raw);
	put(target, VARIABLES + 8, ARENA_LIST);
	/* what stands behind a count of 32 bits is another variable */
	put(target, VARIABLES + 16, UINT64_C(0xffffffff00000000) | arenas);
}

/* --- pools --- */

static void test_pools(void **state)
{
	struct target target;
	uint64_t size, addresses[6];
	struct python_pool pools[6];

	(void)state;
	begin(&target, 11);
	size = target.interpreter.layout.pool_bytes;
	put_pool(&target, ARENA, 5, 0);
	put_pool(&target, ARENA + size, 7, 31);
	put_pool(&target, ARENA + 2 * size, 7, 32);                             /* no class */
	put_pool(&target, ARENA + 3 * size, (uint32_t)(size - 48) / 64, 3);     /* full */
	put_pool(&target, ARENA + 4 * size, (uint32_t)(size - 48) / 64 + 1, 3); /* more than fit */
	for (size_t i = 0; i < 5; i++)
		addresses[i] = ARENA + i * size;
	addresses[5] = HERE + BYTES; /* not there */
	assert_int_equal(python_pools_read(&target.interpreter, addresses, 6, pools), 0);
	assert_int_equal(pools[0].blocks, 5);
	assert_int_equal(pools[0].block_bytes, 16);
	assert_int_equal(pools[1].blocks, 7);
	assert_int_equal(pools[1].block_bytes, 512);
	assert_int_equal(pools[3].blocks, (size - 48) / 64);
	assert_int_equal(pools[3].block_bytes, 64);
	for (size_t i = 2; i < 6; i += i == 2 ? 2 : 1) {
		assert_int_equal(pools[i].blocks, 0);
		assert_true(i == 5 || pools[i].block_bytes == 0);
	}
	free(target.bytes);
}

/* More than are read at a time; and of a process that is gone. */
static void test_many_pools(void **state)
{
	enum { MANY = 2500 };
	struct target target;
	uint64_t *addresses = calloc(MANY, sizeof(*addresses));
	struct python_pool *pools = calloc(MANY, sizeof(*pools));

	(void)state;
	begin(&target, 9);
	for (size_t i = 0; i < MANY; i++) {
		addresses[i] = ARENA + 64 * i;
		put_pool(&target, addresses[i], (uint32_t)i % 7 + 1, (uint32_t)i % 4);
	}
	assert_int_equal(python_pools_read(&target.interpreter, addresses, MANY, pools), 0);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(pools[i].blocks, i % 7 + 1);
		assert_int_equal(pools[i].block_bytes, (i % 4 + 1) * 16);
	}
	target.error = -ESRCH;
	assert_int_equal(python_pools_read(&target.interpreter, addresses, MANY, pools), -ESRCH);
	assert_int_equal(python_pools_read(&target.interpreter, addresses, 0, pools), 0);
	free(addresses);
	free(pools);
	free(target.bytes);
}

/* --- up to 3.11 --- */

static void test_static_state(void **state)
{
	struct target target;
	struct python_blocks blocks;
	uint64_t size;

	(void)state;
	begin(&target, 9);
	size = target.interpreter.layout.pool_bytes;
	put_counters(&target, 1000, 3);
	put_arena(&target, ARENA_LIST, 0, ARENA + 16, 2); /* its first pool begins behind that */
	put_pool(&target, ARENA + size, 3, 0);
	put_pool(&target, ARENA + 2 * size, 4, 1);
	put_pool(&target, ARENA + 3 * size, 100, 0);           /* never taken into use */
	put_arena(&target, ARENA_LIST, 2, ARENA + 0x80000, 3); /* the one before is given back */
	put_pool(&target, ARENA + 0x80000, 5, 2);
	put_pool(&target, ARENA + 0x80000 + 2 * size, 0, 2); /* empty */
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), 0);
	assert_int_equal(blocks.raw_blocks, 1000);
	assert_int_equal(blocks.pool_blocks, 12);
	assert_int_equal(blocks.blocks, 1012);
	assert_int_equal(blocks.pool_bytes, 3 * 16 + 4 * 32 + 5 * 48);
	assert_int_equal(blocks.pools, 3);
	assert_int_equal(blocks.arenas, 2);
	free(target.bytes);
}

/* 3.8 has one count of all. */
static void test_one_count(void **state)
{
	const struct python_counters one = {.raw_blocks = VARIABLES};
	struct target target;
	struct python_blocks blocks;

	(void)state;
	begin(&target, 8);
	put_counters(&target, 77, 9);
	assert_int_equal(python_blocks_read(&target.interpreter, &one, &blocks), 0);
	assert_int_equal(blocks.blocks, 77);
	assert_int_equal(blocks.raw_blocks, 77);
	assert_int_equal(blocks.pools, 0);
	assert_int_equal(blocks.arenas, 0);
	free(target.bytes);
}

/* An arena has no more than so many pools, whatever it says. */
static void test_state_that_lies(void **state)
{
	struct target target;
	struct python_blocks blocks = {.blocks = 1};

	(void)state;
	begin(&target, 9);
	put_counters(&target, 5, (1 << 20) + 1);
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), -EBADMSG);
	put_counters(&target, 5, 1 << 20); /* goes beyond what is there */
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), -EBADMSG);
	assert_int_equal(blocks.blocks, 1);
	put_counters(&target, 5, 1);
	put_arena(&target, ARENA_LIST, 0, ARENA, 100);
	for (size_t i = 0; i < 100; i++)
		put_pool(&target, ARENA + i * target.interpreter.layout.pool_bytes, 1, 0);
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), 0);
	assert_int_equal(blocks.pool_blocks, 64);
	put_counters(&target, 5, 0);
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), 0);
	assert_int_equal(blocks.blocks, 5);
	assert_int_equal(blocks.arenas, 0);
	target.error = -ESRCH;
	assert_int_equal(python_blocks_read(&target.interpreter, &counters, &blocks), -ESRCH);
	free(target.bytes);
}

/* --- from 3.12 on --- */

static void put_state(struct target *target, uint64_t at, uint64_t raw, uint64_t list,
		      uint32_t arenas)
{
	put(target, at + 512, list);
	put(target, at + 520, arenas);
	put(target, at + 1088, raw);
}

/* The youngest interpreter comes first, the main one last. */
static void put_interpreters(struct target *target, uint64_t first, uint64_t second)
{
	const struct python_layout *layout = &target->interpreter.layout;

	put(target, RUNTIME + layout->runtime_interpreters, first);
	put(target, first + layout->interpreter_next, second);
	if (second)
		put(target, second + layout->interpreter_next, 0);
}

static const struct python_counters no_counters;

static void test_state_of_an_interpreter(void **state)
{
	struct target target;
	struct python_blocks blocks;
	uint64_t offset;

	(void)state;
	begin(&target, 12);
	offset = target.interpreter.layout.interpreter_obmalloc;
	put_interpreters(&target, FIRST, SECOND);
	put_state(&target, FIRST + offset, 10, ARENA_LIST, 1);
	put_state(&target, SECOND + offset, 200, 0, 0);
	put_arena(&target, ARENA_LIST, 0, ARENA, 1);
	put_pool(&target, ARENA, 6, 1);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), 0);
	assert_int_equal(blocks.raw_blocks, 210);
	assert_int_equal(blocks.blocks, 216);
	assert_int_equal(blocks.pool_bytes, 6 * 32);
	free(target.bytes);
}

/* State that interpreters share is counted once; one may have none yet. */
static void test_shared_state(void **state)
{
	struct target target;
	struct python_blocks blocks;
	uint64_t offset, youngest = HERE + 0x40000;

	(void)state;
	begin(&target, 12);
	target.interpreter.layout.obmalloc_is_pointer = true; /* as 3.13 says of itself */
	offset = target.interpreter.layout.interpreter_obmalloc;
	put_interpreters(&target, FIRST, SECOND);
	put(&target, FIRST + offset, STATE);
	put(&target, SECOND + offset, STATE);
	put_state(&target, STATE, 30, 0, 0);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), 0);
	assert_int_equal(blocks.blocks, 30);

	put(&target, FIRST + offset, STATE + 0x1000); /* one with its own */
	put_state(&target, STATE + 0x1000, 4, 0, 0);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), 0);
	assert_int_equal(blocks.blocks, 34);

	put(&target, RUNTIME + target.interpreter.layout.runtime_interpreters, youngest);
	put(&target, youngest + target.interpreter.layout.interpreter_next, FIRST);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), 0);
	assert_int_equal(blocks.blocks, 34);
	free(target.bytes);
}

static void test_interpreters_that_lie(void **state)
{
	struct target target;
	struct python_blocks blocks;
	uint64_t list;

	(void)state;
	begin(&target, 12);
	list = RUNTIME + target.interpreter.layout.runtime_interpreters;
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), -EBADMSG);
	put_interpreters(&target, FIRST, FIRST); /* in a circle: it comes to an end */
	put_state(&target, FIRST + target.interpreter.layout.interpreter_obmalloc, 1, 0, 0);
	put(&target, FIRST + target.interpreter.layout.interpreter_next, FIRST);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), 0);
	assert_in_range(blocks.blocks, 1, 256);
	put(&target, list, HERE + BYTES);
	assert_int_equal(python_blocks_read(&target.interpreter, &no_counters, &blocks), -EFAULT);
	free(target.bytes);
}

/* --- where the variables of a build are --- */

static struct confined *confined;

/* The function that sums them up, of an interpreter of a version. */
static int find(unsigned int minor, const uint8_t *code, size_t size, uint64_t address,
		struct python_counters *found)
{
	struct python_interpreter interpreter = {
		.binary = {.confined = confined, .fd = memfd_create("code", 0), .segment_count = 1},
		.symbols[SYMBOL_ALLOCATED_BLOCKS] = {.address = address, .size = size},
	};
	int error;

	assert_int_equal(python_layout_by_version(PYTHON_VERSION(3, minor), &interpreter.layout),
			 0);
	assert_int_equal(write(interpreter.binary.fd, code, size), size);
	interpreter.binary.segments[0] =
		(struct elf_segment){.address = CODE_AT, .size = size, .flags = PF_X};
	error = python_counters_find(&interpreter, found);
	close(interpreter.binary.fd);
	return error;
}

#define LOAD_64(low) 0x48, 0x8b, 0x05, low, 0, 0, 0 /* mov low(%rip), %rax */
#define LOAD_32(low) 0x8b, 0x0d, low, 0, 0, 0       /* mov low(%rip), %ecx */
#define RETURN       0xc3

static void test_variables(void **state)
{
	/* of each the address is behind the instruction, and as much farther as it says */
	static const uint8_t near_first[] = {LOAD_64(0x10), LOAD_64(0x71), LOAD_32(0x13), RETURN};
	static const uint8_t near_last[] = {LOAD_64(0x71), LOAD_64(0x10), LOAD_32(0x13), RETURN};
	static const uint8_t two[] = {LOAD_64(0x10), LOAD_64(0x71), RETURN};
	static const uint8_t one[] = {LOAD_32(0x10), LOAD_64(0x71), RETURN};
	struct python_counters found;

	(void)state;
	assert_int_equal(find(11, near_first, sizeof(near_first), CODE_AT, &found), 0);
	assert_int_equal(found.arena_count, CODE_AT + 20 + 0x13);
	assert_int_equal(found.arenas, CODE_AT + 7 + 0x10);
	assert_int_equal(found.raw_blocks, CODE_AT + 14 + 0x71);
	assert_int_equal(find(11, near_last, sizeof(near_last), CODE_AT, &found), 0);
	assert_int_equal(found.arenas, CODE_AT + 14 + 0x10);
	assert_int_equal(found.raw_blocks, CODE_AT + 7 + 0x71);
	assert_int_equal(find(11, two, sizeof(two), CODE_AT, &found), -ENOENT);
	assert_int_equal(find(11, one, sizeof(one), CODE_AT, &found), -ENOENT);
	assert_int_equal(find(8, two, sizeof(two), CODE_AT, &found), 0);
	assert_int_equal(found.raw_blocks, CODE_AT + 7 + 0x10);
	assert_int_equal(found.arenas, 0);
	assert_int_equal(find(8, two + 14, 1, CODE_AT, &found), -ENOENT);
	assert_int_equal(find(11, near_first, sizeof(near_first), 0, &found), -ENOENT);
	assert_int_equal(find(12, two, sizeof(two), 0, &found), 0); /* it has none */
	assert_int_equal(found.raw_blocks, 0);
}

static int begin_confined(void **state)
{
	(void)state;
	confined = confined_new();
	return confined ? 0 : -1;
}

static int end_confined(void **state)
{
	(void)state;
	confined_free(confined);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_many_pools),
		cmocka_unit_test(test_static_state),
		cmocka_unit_test(test_one_count),
		cmocka_unit_test(test_state_that_lies),
		cmocka_unit_test(test_state_of_an_interpreter),
		cmocka_unit_test(test_shared_state),
		cmocka_unit_test(test_interpreters_that_lie),
		cmocka_unit_test_setup_teardown(test_variables, begin_confined, end_confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
