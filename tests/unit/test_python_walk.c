/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker over frames that are made here: chains in one piece and scattered, at the edges of
 * what is mapped, closed to a ring, and noise.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "python/layouts.h"

enum { BASE = 0x100000, BYTES = 1 << 16, PAGE = 4096, CODE = 0x700000, FS_BASE = 0x900000 };

static uint8_t arena[BYTES];
static size_t mapped_from, mapped_to;
static uint64_t state_word; /* of the thread, at FS_BASE */
static unsigned int reads;
static uint64_t stack_from, farthest; /* the C stack, and the end of what was read of it */
static bool noisy;

static long python_read_user(void *buffer, __u32 bytes, __u64 address)
{
	reads++;
	if (noisy) {
		for (__u32 i = 0; i < bytes; i++)
			((uint8_t *)buffer)[i] = (uint8_t)rand();
		return rand() % 8 == 0;
	}
	if (address == FS_BASE && bytes == sizeof(state_word)) {
		memcpy(buffer, &state_word, sizeof(state_word));
		return 0;
	}
	if (address < BASE + mapped_from || address > BASE + mapped_to ||
	    bytes > BASE + mapped_to - address)
		return -1;
	memcpy(buffer, arena + (address - BASE), bytes);
	if (address >= stack_from && address < BASE + BYTES - 1024 && address + bytes > farthest)
		farthest = address + bytes;
	return 0;
}

#include "../../bpf/python_walk.h"

static struct python_process process;
static struct python_walk walk;

static void put_u64(uint64_t address, uint64_t value)
{
	memcpy(arena + (address - BASE), &value, sizeof(value));
}

static void begin(uint32_t minor)
{
	struct python_layout layout;

	assert_int_equal(python_layout_by_version(PYTHON_VERSION(3, minor), &layout), 0);
	memset(arena, 0, sizeof(arena));
	process = (struct python_process){.layout = layout.walk, .access = PYTHON_ACCESS_DIRECT};
	mapped_from = 0;
	mapped_to = BYTES;
	reads = 0;
	farthest = 0;
}

static void put_frame(uint64_t frame, uint64_t code, uint64_t instruction, uint64_t previous)
{
	const struct python_walk_layout *layout = &process.layout;

	put_u64(frame + layout->frame_code, code);
	put_u64(frame + layout->frame_previous, previous);
	if (layout->code_bytecode != PYTHON_ABSENT)
		instruction += code + layout->code_bytecode;
	put_u64(frame + layout->frame_instruction, instruction);
}

static void put_owner(uint64_t frame, uint8_t owner)
{
	arena[frame + process.layout.frame_owner - BASE] = owner;
}

/* The thread state at the end of the arena, and in front of it what is between it and the frame. */
static void put_thread(uint64_t frame)
{
	const uint64_t state = BASE + BYTES - 1024, cframe = BASE + BYTES - 512;

	state_word = state;
	put_u64(state + process.layout.tstate_thread, FS_BASE);
	put_u64(state + process.layout.tstate_frame,
		process.layout.cframe_frame == PYTHON_ABSENT ? frame : cframe);
	if (process.layout.cframe_frame != PYTHON_ABSENT)
		put_u64(cframe + process.layout.cframe_frame, frame);
}

/* Goes on as python_walk_step would; the walk and what it read are as before. */
static struct python_walk skip_frame(int step)
{
	static struct python_walk skipped;
	unsigned int reads_before = reads;

	skipped = walk;
	assert_int_equal(python_walk_skip(&skipped, &process.layout), step);
	reads = reads_before;
	return skipped;
}

static void expect(int step, uint64_t code, int instruction, unsigned int flags)
{
	const struct python_walk skipped = skip_frame(step);

	assert_int_equal(python_walk_step(&walk, &process.layout), step);
	assert_int_equal(skipped.frame, walk.frame);
	if (step != PYTHON_FRAME)
		return;
	assert_int_equal(python_walk_code(&skipped, &process.layout), code);
	assert_int_equal(walk.found.code, code);
	assert_int_equal(walk.found.instruction, instruction);
	assert_int_equal(walk.found.flags, flags);
}

static void test_object_frames(void **state)
{
	(void)state;
	for (uint32_t minor = 8; minor <= 10; minor++) {
		int unit = minor == 10 ? 2 : 1;

		begin(minor);
		put_frame(BASE + 40000, CODE, 7, BASE + 3000);
		put_frame(BASE + 3000, CODE + 16, UINT32_MAX, 0);
		put_thread(BASE + 40000);
		assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
		expect(PYTHON_FRAME, CODE, 7 * unit, PYTHON_FRAME_CALLED_C);
		expect(PYTHON_FRAME, CODE + 16, PYTHON_NO_INSTRUCTION, PYTHON_FRAME_CALLED_C);
		expect(PYTHON_BOTTOM, 0, 0, 0);
	}
}

/* What a skipped frame is told by: its code object and its instruction, nothing else. */
static void test_skipped_frames_are_told_apart(void **state)
{
	(void)state;
	for (uint32_t minor = 8; minor <= 12; minor++) {
		uint64_t words[5];

		begin(minor);
		put_frame(BASE + 9000, CODE, 8, BASE + 8000);
		put_frame(BASE + 8000, CODE, 6, BASE + 7000);
		put_frame(BASE + 7000, CODE + 64, 6, BASE + 6000);
		put_frame(BASE + 6000, CODE, 8, BASE + 5000);
		put_frame(BASE + 5000, CODE + 64, 8, 0);
		put_thread(BASE + 9000);
		assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
		for (int i = 0; i < 5; i++) {
			assert_int_equal(python_walk_skip(&walk, &process.layout), PYTHON_FRAME);
			words[i] = walk.word;
		}
		assert_int_equal(python_walk_skip(&walk, &process.layout), PYTHON_BOTTOM);
		assert_int_equal(words[0], words[3]);
		for (int i = 0; i < 4; i++)
			for (int j = i + 1; j < 5; j++)
				assert_true(words[i] != words[j] || (i == 0 && j == 3));
	}
}

static void test_entry_frames(void **state)
{
	(void)state;
	begin(11);
	put_frame(BASE + 9000, CODE, 4, BASE + 8000);
	put_frame(BASE + 8000, CODE, 6, BASE + 7000);
	put_frame(BASE + 7000, CODE, -2, 0);
	arena[8000 + process.layout.frame_entry] = 1;
	put_thread(BASE + 9000);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
	expect(PYTHON_FRAME, CODE, 6, 0);
	expect(PYTHON_FRAME, CODE, PYTHON_NO_INSTRUCTION, PYTHON_FRAME_CALLED_C);
	expect(PYTHON_BOTTOM, 0, 0, 0);
}

static void test_shims(void **state)
{
	(void)state;
	begin(12);
	put_frame(BASE + 9000, CODE, 4, BASE + 50000);
	put_frame(BASE + 50000, 1, 0, BASE + 8000);
	put_owner(BASE + 50000, 3);
	put_frame(BASE + 8000, CODE, 6, BASE + 7000);
	put_owner(BASE + 8000, 1);
	put_frame(BASE + 7000, 0, 0, 0);
	put_owner(BASE + 7000, 4);
	put_thread(BASE + 9000);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
	expect(PYTHON_SHIM, 0, 0, 0);
	expect(PYTHON_FRAME, CODE, 6, PYTHON_FRAME_CALLED_C);
	expect(PYTHON_BOTTOM, 0, 0, 0);
}

static void test_tags_are_masked(void **state)
{
	(void)state;
	begin(12);
	put_frame(BASE + 9000, CODE, 4, 0);
	put_u64(BASE + 9000 + process.layout.frame_code, CODE | 1);
	put_thread(BASE + 9000);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
}

/* Frames behind one another share reads, whatever lies below and behind them. */
static void test_chunk(void **state)
{
	const int count = 200, size = 104;

	(void)state;
	begin(12);
	for (int i = 0; i < count; i++)
		put_frame(BASE + PAGE + (uint64_t)(i * size), CODE + 16 * (uint64_t)i,
			  2 * (uint64_t)i, i ? BASE + PAGE + (uint64_t)((i - 1) * size) : 0);
	put_thread(BASE + PAGE + (uint64_t)((count - 1) * size));
	mapped_from = PAGE;
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	for (int i = count - 1; i >= 0; i--)
		expect(PYTHON_FRAME, CODE + 16 * (uint64_t)i, 2 * i,
		       i == count - 1 ? PYTHON_FRAME_CALLED_C : 0);
	expect(PYTHON_BOTTOM, 0, 0, 0);
	assert_in_range(reads, 4, 3 + 3 * (count * size / PAGE + 1));
}

/* A Python frame that each calls the one behind it through C: the shims lie on the C stack. */
static void put_calls_through_c(int count, uint64_t chunk, uint64_t stack, int apart)
{
	for (int i = 0; i < count; i++) {
		uint64_t frame = chunk - (uint64_t)(i * 104), shim = stack + (uint64_t)(i * apart);

		put_frame(frame, CODE + 16 * (uint64_t)i, 2, shim);
		put_frame(shim, 1, 0, i < count - 1 ? frame - 104 : 0);
		put_owner(shim, PYTHON_OWNER_SHIM);
	}
}

/* Reads of a walk over all of them. */
static unsigned int walk_calls_through_c(int count)
{
	unsigned int before = reads;

	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	for (int i = 0; i < count; i++) {
		expect(PYTHON_FRAME, CODE + 16 * (uint64_t)i, 2, PYTHON_FRAME_CALLED_C);
		expect(i < count - 1 ? PYTHON_SHIM : PYTHON_BOTTOM, 0, 0, 0);
	}
	walk.stack = 0;
	return reads - before;
}

/* Shims of one page of the C stack share a read, and none goes beyond that page. */
static void test_shims_on_the_stack(void **state)
{
	const uint64_t chunk = BASE + 2 * PAGE - 200, stack = BASE + 4 * PAGE + 104;
	const int count = 8, apart = 600;

	(void)state;
	begin(12);
	put_calls_through_c(count, chunk, stack, apart);
	put_thread(chunk);
	assert_int_equal(walk_calls_through_c(count), 3 + 1 + count);
	walk.stack = stack_from = stack - 64;
	assert_int_equal(walk_calls_through_c(count), 3 + 1 + 2);
	assert_int_equal(farthest, BASE + 6 * PAGE);    /* of the second page that they lie in */
	walk.stack = stack + (uint64_t)(2 * apart) + 1; /* the first three lie elsewhere */
	assert_int_equal(walk_calls_through_c(count), 3 + 1 + 3 + 2);
	/* the first one lies alone in its page, the last one reaches over the end of the next */
	put_calls_through_c(count, chunk, BASE + 5 * PAGE - 40 - 7 * (uint64_t)apart, apart);
	walk.stack = BASE + 3 * PAGE;
	assert_int_equal(walk_calls_through_c(count), 3 + 1 + 3);
}

static void test_at_the_end_of_what_is_mapped(void **state)
{
	(void)state;
	begin(12);
	put_thread(BASE + 2 * PAGE - process.layout.frame_bytes);
	put_frame(BASE + 2 * PAGE - process.layout.frame_bytes, CODE, 4, BASE + 2 * PAGE - 8);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	mapped_to = 2 * PAGE;
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
	expect(PYTHON_UNREADABLE, 0, 0, 0);
}

static void test_no_thread(void **state)
{
	(void)state;
	begin(12);
	state_word = 0;
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_NO_THREAD);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE + 8), PYTHON_NO_THREAD);
	put_thread(0);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_NO_THREAD);
	process.access = PYTHON_ACCESS_NONE;
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_NO_THREAD);
}

/* The GIL holder's state is taken where it is this thread's, the key's value elsewhere. */
static void test_current(void **state)
{
	const uint64_t other = BASE + 2048, cframe = BASE + 3072;

	(void)state;
	begin(11);
	put_frame(BASE + 9000, CODE, 4, 0);
	put_frame(BASE + 8000, CODE + 16, 4, 0);
	put_thread(BASE + 9000);
	process.current = BASE;
	put_u64(BASE, other);
	put_u64(other + process.layout.tstate_frame, cframe);
	put_u64(cframe + process.layout.cframe_frame, BASE + 8000);
	put_u64(other + process.layout.tstate_thread, FS_BASE + 64);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
	put_u64(other + process.layout.tstate_thread, FS_BASE);
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE + 16, 4, PYTHON_FRAME_CALLED_C);
}

static void test_indirect(void **state)
{
	(void)state;
	begin(12);
	put_frame(BASE + 9000, CODE, 4, 0);
	put_thread(BASE + 9000);
	put_u64(BASE + 24, state_word);
	state_word = BASE;
	process.access = PYTHON_ACCESS_INDIRECT;
	process.second = 24;
	assert_int_equal(python_walk_begin(&walk, &process, FS_BASE), PYTHON_FRAME);
	expect(PYTHON_FRAME, CODE, 4, PYTHON_FRAME_CALLED_C);
}

static void test_noise(void **state)
{
	(void)state;
	begin(12);
	noisy = true;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		int step = python_walk_begin(&walk, &process, FS_BASE);

		for (int j = 0; step <= PYTHON_SHIM && j < 50; j++) {
			step = python_walk_step(&walk, &process.layout);
			if (rand() % 4 == 0)
				walk.frame = walk.near - (uint64_t)(rand() % 8192);
			walk.stack = rand() % 2 ? walk.frame - (uint64_t)(rand() % 8192) : 0;
		}
		python_walk_check(&walk, &process.layout, CODE);
	}
	noisy = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_frames),
		cmocka_unit_test(test_skipped_frames_are_told_apart),
		cmocka_unit_test(test_entry_frames),
		cmocka_unit_test(test_shims),
		cmocka_unit_test(test_tags_are_masked),
		cmocka_unit_test(test_chunk),
		cmocka_unit_test(test_shims_on_the_stack),
		cmocka_unit_test(test_at_the_end_of_what_is_mapped),
		cmocka_unit_test(test_no_thread),
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
