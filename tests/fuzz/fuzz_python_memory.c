/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as the memory of an interpreter. The first byte chooses the version, the second
 * what else is known of it, the next four the instruction; the others lie at BASE, where _PyRuntime
 * and (from 3.13 on) its description begin. Whatever is made of them must be text, lines and lists
 * that end.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "python/coverage.h"

enum {
	BASE = 0x10000,
	CODE = BASE + 1024,
	THREAD = BASE + 2048,
	STRING = BASE + 3072,
	HEADER_BYTES = 6,
	NAME_MAX_BYTES = 4 * 4096,
	STEPS_MAX = 1000,
};

static const uint8_t *bytes;
static size_t byte_count;

static int read_bytes(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	(void)memory;
	if (address < BASE || address - BASE > byte_count || size > byte_count - (address - BASE))
		return -EFAULT;
	memcpy(buffer, bytes + (address - BASE), size);
	return 0;
}

static const struct memory memory = {.read = read_bytes};

static long python_read_user(void *buffer, __u32 size, __u64 address)
{
	return memory_read(&memory, address, buffer, size);
}

#define PYTHON_FUNCTION static __attribute__((noinline, unused))
#include "../../bpf/python_walk.h"

/* The bytes of one character; 0 where they are none. */
static size_t character(const uint8_t *at)
{
	size_t length = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : 4;

	if (*at >= 0x80 && (*at < 0xc2 || *at > 0xf4))
		return 0;
	for (size_t i = 1; i < length; i++)
		if (at[i] >> 6 != 2)
			return 0;
	return length;
}

static void check_text(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	if (strlen(text) > NAME_MAX_BYTES)
		abort();
	while (*at) {
		size_t length = character(at);

		if (!length)
			abort();
		at += length;
	}
}

static void take_code(const struct python_layout *layout, const struct python_types *types,
		      uint64_t address, int32_t instruction)
{
	struct python_code code;

	if (python_code_read(&memory, layout, types, address, &code))
		return;
	check_text(code.name);
	check_text(code.file);
	if (python_code_line(&code, instruction) < 0 ||
	    code.check != python_code_check(&memory, layout, address))
		abort();
	python_code_release(&code);
}

static void take_string(const struct python_layout *layout, const struct python_types *types)
{
	char *string;

	if (python_string_read(&memory, layout, types, STRING, 4096, &string))
		return;
	check_text(string);
	free(string);
}

static void take_table(enum python_lines format, int32_t instruction)
{
	struct python_code code = {.line_bytes = byte_count, .first_line = instruction ^ 1};

	code.format = format;
	code.lines = malloc(byte_count + 1);
	memcpy(code.lines, bytes, byte_count);
	if (python_code_line(&code, instruction) < 0)
		abort();
	python_code_release(&code);
}

static void take_frames(const struct python_layout *layout, const struct python_types *types)
{
	static struct python_walk walk;
	const struct python_process process = {
		.layout = layout->walk,
		.access = PYTHON_ACCESS_DIRECT,
		.current = layout->runtime_current == PYTHON_ABSENT
				   ? 0
				   : BASE + layout->runtime_current,
	};
	int step = python_walk_begin(&walk, &process, THREAD);

	for (int i = 0; step <= PYTHON_SHIM && i < STEPS_MAX; i++) {
		step = python_walk_step(&walk, &process.layout);
		if (step == PYTHON_FRAME)
			take_code(layout, types, walk.found.code, walk.found.instruction);
	}
}

static void take_lists(const struct python_layout *layout)
{
	const struct python_interpreter interpreter = {
		.memory = memory, .layout = *layout, .runtime = BASE};
	const struct python_counters counters = {THREAD, THREAD + 8, THREAD + 16};
	struct python_thread *threads;
	struct python_blocks blocks;

	if (python_threads_read(&memory, layout, BASE, &threads) >= 0)
		free(threads);
	python_blocks_read(&interpreter, &counters, &blocks);
}

static int find_layout(uint8_t choice, struct python_layout *layout)
{
	uint32_t minor = 8 + choice % 8;

	if (minor < 13)
		return python_layout_by_version(PYTHON_VERSION(3, minor), layout);
	return python_layout_read(&memory, BASE, layout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct python_types types = {0};
	struct python_layout layout;
	int32_t instruction;

	if (size < HEADER_BYTES)
		return 0;
	bytes = data + HEADER_BYTES;
	byte_count = size - HEADER_BYTES;
	memcpy(&instruction, data + 2, sizeof(instruction));
	if (data[1] & 1)
		types = (struct python_types){BASE, BASE + 8, BASE + 16};
	take_table((enum python_lines)(data[1] / 2 % 3), instruction);
	if (find_layout(data[0], &layout))
		return 0;
	take_code(&layout, &types, CODE, instruction);
	take_string(&layout, &types);
	take_frames(&layout, &types);
	take_lists(&layout);
	return 0;
}
