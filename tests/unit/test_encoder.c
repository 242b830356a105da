/* SPDX-License-Identifier: BSD-2-Clause */
/* What an encoder wrote, read with a cursor: all of it, cut anywhere, and with numbers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cursor.h"
#include "lib/encoder.h"

enum { MOST = 8 };

static const uint16_t numbers[] = {1, 2, 0xffff};

static void encode(void **bytes, size_t *length)
{
	struct encoder encoder = {};

	encode_u8(&encoder, 7);
	encode_u32(&encoder, 0x12345678);
	encode_u64(&encoder, UINT64_MAX);
	encode_text(&encoder, "text", 4);
	encode_array(&encoder, numbers, 3, sizeof(numbers[0]));
	encode_array(&encoder, NULL, 0, sizeof(numbers[0]));
	assert_int_equal(encoder_take(&encoder, bytes, length), 0);
	assert_int_equal(*length, 1 + 4 + 8 + 4 + 4 + 8 + 6 + 8);
}

/* Returns 0 where all is as it was written. */
static int decode(const void *bytes, size_t length, size_t most)
{
	struct cursor cursor = cursor_of(bytes, length);
	uint16_t *items, *none;
	size_t count, zero;
	char text[MOST + 1];

	assert_true(cursor_u8(&cursor) == 7 || cursor.overrun);
	assert_true(cursor_u32(&cursor) == 0x12345678 || cursor.overrun);
	assert_true(cursor_u64(&cursor) == UINT64_MAX || cursor.overrun);
	cursor_text(&cursor, text, MOST);
	assert_string_equal(text, cursor.overrun ? "" : "text");
	int error = cursor_array(&cursor, &items, &count, most, sizeof(*items));
	assert_true(error ? !count : count == 3 && !memcmp(items, numbers, sizeof(numbers)));
	error = error ?: cursor_array(&cursor, &none, &zero, most, sizeof(*none));
	assert_true(error || (!zero && !none));
	free(items);
	return error ?: cursor_end(&cursor);
}

static void test_what_goes_in_comes_out(void **state)
{
	size_t length;
	void *bytes;

	(void)state;
	encode(&bytes, &length);
	assert_int_equal(decode(bytes, length, 3), 0);
	assert_int_equal(decode(bytes, length, 2), -EPROTO);
	free(bytes);
}

static void test_every_cut_is_noticed(void **state)
{
	size_t length;
	void *bytes;

	(void)state;
	encode(&bytes, &length);
	for (size_t cut = 0; cut < length; cut++) {
		void *copy = malloc(cut + 1);

		memcpy(copy, bytes, cut);
		assert_int_equal(decode(copy, cut, MOST), -EPROTO);
		free(copy);
	}
	free(bytes);
}

static void test_what_is_left_is_noticed(void **state)
{
	size_t length;
	void *bytes;

	(void)state;
	encode(&bytes, &length);
	bytes = realloc(bytes, length + 1);
	((char *)bytes)[length] = 0;
	assert_int_equal(decode(bytes, length + 1, MOST), -EPROTO);
	free(bytes);
}

static void test_counts_that_lie_cost_no_memory(void **state)
{
	const uint64_t many[] = {UINT64_MAX / 2, 0, 0};
	struct cursor cursor = cursor_of(many, sizeof(many));
	uint64_t *items;
	size_t count;

	(void)state;
	assert_int_equal(cursor_array(&cursor, &items, &count, SIZE_MAX, 8), -EPROTO);
	assert_int_equal(count, 0);
	assert_null(items);
}

static void test_a_text_that_is_too_long_is_refused(void **state)
{
	const uint32_t words[] = {MOST + 1, 0x61616161, 0x61616161, 0x61616161};
	struct cursor cursor = cursor_of(words, sizeof(words));
	char text[MOST + 1];

	(void)state;
	cursor_text(&cursor, text, MOST);
	assert_string_equal(text, "");
	assert_int_equal(cursor_end(&cursor), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_in_comes_out),
		cmocka_unit_test(test_every_cut_is_noticed),
		cmocka_unit_test(test_what_is_left_is_noticed),
		cmocka_unit_test(test_counts_that_lie_cost_no_memory),
		cmocka_unit_test(test_a_text_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
