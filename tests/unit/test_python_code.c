/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Line tables, names and code objects, from memory that is made here: as CPython makes it, and
 * damaged.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "python/code_object.h"

enum { BASE = 0x10000, BYTES = 4096 };

static uint8_t arena[BYTES];

static int read_arena(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	(void)memory;
	if (address < BASE || address - BASE > BYTES || size > BYTES - (address - BASE))
		return -EFAULT;
	memcpy(buffer, arena + (address - BASE), size);
	return 0;
}

static const struct memory memory = {.read = read_arena};

static void put(uint64_t address, const void *bytes, size_t size)
{
	memcpy(arena + (address - BASE), bytes, size);
}

static void put_u64(uint64_t address, uint64_t value)
{
	put(address, &value, sizeof(value));
}

static void put_u32(uint64_t address, uint32_t value)
{
	put(address, &value, sizeof(value));
}

#define TABLE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void check_line(enum python_lines format, const uint8_t *table, size_t size, int instruction,
		       int expected)
{
	uint8_t *exact = malloc(size ? size : 1);
	struct python_code code = {
		.lines = exact, .line_bytes = size, .first_line = 10, .format = format};

	if (size)
		memcpy(exact, table, size);
	assert_int_equal(python_code_line(&code, instruction), expected);
	free(exact);
}

static void test_lnotab(void **state)
{
	(void)state;
	check_line(PYTHON_LINES_LNOTAB, NULL, 0, 0, 10);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 1, 4, 1), 0, 11);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 1, 4, 1), 3, 11);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 1, 4, 1), 4, 12);
	check_line(PYTHON_LINES_LNOTAB, TABLE(6, 3, 2, 0xfe), 8, 11);
	check_line(PYTHON_LINES_LNOTAB, TABLE(255, 0, 45, 127, 0, 73), 299, 10);
	check_line(PYTHON_LINES_LNOTAB, TABLE(255, 0, 45, 127, 0, 73), 300, 210);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 5, 7), 100, 15);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 0x80), 0, 0);
}

static void test_linetable(void **state)
{
	(void)state;
	check_line(PYTHON_LINES_LINETABLE, NULL, 0, 0, 0);
	check_line(PYTHON_LINES_LINETABLE, TABLE(2, 1, 4, 2), 0, 11);
	check_line(PYTHON_LINES_LINETABLE, TABLE(2, 1, 4, 2), 2, 13);
	check_line(PYTHON_LINES_LINETABLE, TABLE(2, 1, 4, 2), 6, 0);
	check_line(PYTHON_LINES_LINETABLE, TABLE(2, 1, 4, 0x80, 2, 3), 2, 0);
	check_line(PYTHON_LINES_LINETABLE, TABLE(2, 1, 4, 0x80, 2, 3), 6, 14);
	check_line(PYTHON_LINES_LINETABLE, TABLE(0, 127, 0, 73, 8, 0), 6, 210);
}

#define ENTRY(kind, units) (0x80 | (kind) << 3 | ((units)-1))

static void test_locations(void **state)
{
	(void)state;
	check_line(PYTHON_LINES_LOCATIONS, NULL, 0, 0, 0);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(0, 2), 0), 3, 10);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(0, 2), 0), 4, 0);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(11, 1), 3, 4, ENTRY(12, 8), 1, 2), 2, 13);
	check_line(PYTHON_LINES_LOCATIONS,
		   TABLE(ENTRY(10, 1), 3, 4, ENTRY(15, 1), ENTRY(11, 1), 0, 0), 2, 0);
	check_line(PYTHON_LINES_LOCATIONS,
		   TABLE(ENTRY(10, 1), 3, 4, ENTRY(15, 1), ENTRY(11, 1), 0, 0), 4, 11);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(13, 1), 5), 0, 8);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(14, 1), 0x50, 0x06, 0, 1, 2), 0, 210);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(0x01, 0x02), 0, 0);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(13, 1), 0x7f, 0x7f, 0x7f), 0, 0);
	check_line(PYTHON_LINES_LOCATIONS, TABLE(ENTRY(13, 1)), 0, 10);
}

static void test_no_instruction_is_the_first_line(void **state)
{
	(void)state;
	check_line(PYTHON_LINES_LOCATIONS, NULL, 0, PYTHON_NO_INSTRUCTION, 10);
	check_line(PYTHON_LINES_LNOTAB, TABLE(0, 4), PYTHON_NO_INSTRUCTION, 10);
	assert_int_equal(
		python_code_line(&(struct python_code){.first_line = -1}, PYTHON_NO_INSTRUCTION),
		0);
}

static struct python_layout layout_of(uint32_t minor)
{
	struct python_layout layout;

	assert_int_equal(python_layout_by_version(PYTHON_VERSION(3, minor), &layout), 0);
	return layout;
}

static void put_string(const struct python_layout *layout, uint64_t address, unsigned int kind,
		       bool ascii, const void *data, size_t length)
{
	put_u64(address + 8, 0);
	put_u64(address + layout->str_length, length);
	put_u32(address + layout->str_state, kind << 2 | 1u << 5 | (uint32_t)ascii << 6);
	put(address + (ascii ? layout->str_ascii_data : layout->str_data), data, length * kind);
}

static void check_string(uint32_t minor, unsigned int kind, bool ascii, const void *data,
			 size_t length, const char *expected)
{
	const struct python_layout layout = layout_of(minor);
	const struct python_types types = {0};
	char *string;

	put_string(&layout, BASE, kind, ascii, data, length);
	assert_int_equal(python_string_read(&memory, &layout, &types, BASE, 100, &string), 0);
	assert_string_equal(string, expected);
	free(string);
}

static void test_strings(void **state)
{
	(void)state;
	for (uint32_t minor = 8; minor <= 12; minor++) {
		check_string(minor, 1, true, "plain", 5, "plain");
		check_string(minor, 1, true, "", 0, "");
		check_string(minor, 1, false,
			     "Gr\xf6\xdf"
			     "e",
			     5, "Größe");
		check_string(minor, 2, false, (const uint16_t[]){0x6570, 'x'}, 2, "数x");
		check_string(minor, 4, false, (const uint32_t[]){0x1f40d, 'x'}, 2, "🐍x");
		check_string(minor, 2, false, (const uint16_t[]){0xd83d, 'x'}, 2, "\xef\xbf\xbdx");
		check_string(minor, 4, false, (const uint32_t[]){0xffffffff}, 1, "\xef\xbf\xbd");
		check_string(minor, 1, true, "a\0b", 3,
			     "a\xef\xbf\xbd"
			     "b");
	}
}

static void check_refused(uint64_t length, uint32_t string_state, int expected)
{
	const struct python_layout layout = layout_of(12);
	const struct python_types types = {0};
	char *string = NULL;

	put_u64(BASE + layout.str_length, length);
	put_u32(BASE + layout.str_state, string_state);
	assert_int_equal(python_string_read(&memory, &layout, &types, BASE, 5000, &string),
			 expected);
	assert_null(string);
}

static void test_bad_strings(void **state)
{
	const uint32_t ascii = 1 << 2 | 1 << 5 | 1 << 6;

	(void)state;
	check_refused(5001, ascii, -EFBIG);
	check_refused(UINT64_MAX, ascii, -EFBIG);
	check_refused(4090, ascii, -EFAULT);
	check_refused(1, 3 << 2 | 1 << 5, -EINVAL);
	check_refused(1, 1 << 2, -EINVAL);
	check_refused(1, 2 << 2 | 1 << 5 | 1 << 6, -EINVAL);
}

enum { CODE = BASE + 8, NAME = BASE + 512, FILE_NAME = BASE + 1024, LINES = BASE + 1536 };

static void put_code(const struct python_layout *layout)
{
	memset(arena, 0, sizeof(arena));
	put_string(layout, NAME, 1, true, "Class.method", 12);
	put_string(layout, FILE_NAME, 1, true, "/srv/app.py", 11);
	put_u64(LINES + layout->bytes_length, 4);
	put(LINES + layout->bytes_data, "\x80\x00\x80\x00", 4);
	put_u32(CODE + layout->walk.code_first_line, 42);
	put_u64(CODE + layout->walk.code_filename, FILE_NAME);
	put_u64(CODE + layout->code_name, NAME);
	if (layout->code_qualname != PYTHON_ABSENT)
		put_u64(CODE + layout->code_qualname, NAME);
	put_u64(CODE + layout->code_lines, LINES);
}

static void test_code(void **state)
{
	const struct python_types types = {0};
	struct python_code code;

	(void)state;
	for (uint32_t minor = 8; minor <= 12; minor++) {
		const struct python_layout layout = layout_of(minor);

		put_code(&layout);
		assert_int_equal(python_code_read(&memory, &layout, &types, CODE, &code), 0);
		assert_string_equal(code.name, "Class.method");
		assert_string_equal(code.file, "/srv/app.py");
		assert_int_equal(code.first_line, 42);
		assert_int_equal(code.check, python_code_check(&memory, &layout, CODE));
		put_u32(CODE + layout.walk.code_first_line, 43);
		assert_int_not_equal(code.check, python_code_check(&memory, &layout, CODE));
		put_u32(CODE + layout.walk.code_first_line, 42);
		put_u64(CODE + layout.code_name, NAME + 8);
		assert_int_not_equal(code.check, python_code_check(&memory, &layout, CODE));
		python_code_release(&code);
	}
}

static void test_frames_that_have_not_begun(void **state)
{
	const struct python_types types = {0};
	struct python_code code;

	(void)state;
	for (uint32_t minor = 8; minor <= 12; minor++) {
		const struct python_layout layout = layout_of(minor);

		put_code(&layout);
		if (minor >= 11)
			put_u32(CODE + layout.walk.code_bytecode - 16, 3);
		assert_int_equal(python_code_read(&memory, &layout, &types, CODE, &code), 0);
		assert_int_equal(python_code_begun(&code, 4), minor < 11);
		assert_true(python_code_begun(&code, 6));
		assert_true(python_code_begun(&code, PYTHON_NO_INSTRUCTION));
		python_code_release(&code);
	}
}

static void test_other_objects_are_no_code(void **state)
{
	const struct python_layout layout = layout_of(11);
	const struct python_types types = {.code = 0x1234};
	struct python_code code;

	(void)state;
	put_code(&layout);
	assert_int_equal(python_code_read(&memory, &layout, &types, CODE, &code), -EINVAL);
	put_u64(CODE + 8, 0x1234);
	assert_int_equal(python_code_read(&memory, &layout, &types, CODE, &code), 0);
	python_code_release(&code);
	assert_int_equal(python_code_read(&memory, &layout, &types, CODE + 1, &code), -EINVAL);
	assert_int_equal(python_code_read(&memory, &layout, &types, 0, &code), -EINVAL);
	assert_int_equal(python_code_read(&memory, &layout, &types, BASE + BYTES, &code), -EFAULT);
	assert_int_equal(python_code_read(&memory, &layout, &types, UINT64_MAX - 7, &code),
			 -EFAULT);
}

static int read_noise(const struct memory *noise, uint64_t address, void *buffer, size_t size)
{
	(void)noise;
	if (rand() % 16 == 0)
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buffer)[i] = rand() % 3 ? 0 : (uint8_t)rand();
	if (rand() % 2 && size == sizeof(uint64_t))
		memset((uint8_t *)buffer + 1, 0, 7);
	(void)address;
	return 0;
}

static void test_noise(void **state)
{
	const struct memory noise = {.read = read_noise};
	const struct python_types types = {0};

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		const struct python_layout layout = layout_of(8 + (uint32_t)i % 5);
		struct python_code code;

		if (python_code_read(&noise, &layout, &types, 4096, &code))
			continue;
		python_code_line(&code, rand() % 1000);
		python_code_release(&code);
	}
}

static void test_noisy_tables(void **state)
{
	uint8_t table[64];

	(void)state;
	srand(2);
	for (int i = 0; i < 20000; i++) {
		struct python_code code = {.lines = table,
					   .line_bytes = (size_t)(rand() % 64),
					   .first_line = rand(),
					   .format = (enum python_lines)(i % 3)};

		for (size_t j = 0; j < sizeof(table); j++)
			table[j] = (uint8_t)rand();
		assert_true(python_code_line(&code, rand() % 300) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lnotab),
		cmocka_unit_test(test_linetable),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_no_instruction_is_the_first_line),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_bad_strings),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_frames_that_have_not_begun),
		cmocka_unit_test(test_other_objects_are_no_code),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_noisy_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
