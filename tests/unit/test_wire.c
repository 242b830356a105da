// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/symbol_list.h"
#include "symbolize/wire.h"

static void add(struct symbol_list *list, const struct symbol *symbol)
{
	assert_int_equal(symbol_list_add(list, symbol), 0);
}

static void fill(struct symbol_list lists[2])
{
	memset(lists, 0, 2 * sizeof(*lists));
	lists[0].vaddr = 0x1234;
	add(&lists[0], &(struct symbol){"inner", "_Z5innerv", "a.c", 3, true});
	add(&lists[0], &(struct symbol){.name = "", .linkage = ""});
	lists[1].vaddr = UINT64_MAX;
	add(&lists[1], &(struct symbol){.file = "b.c", .line = UINT32_MAX});
}

static void what_goes_in_comes_out(void **state)
{
	struct symbol_list lists[2], decoded[2];
	size_t length;
	void *data;

	(void)state;
	fill(lists);
	assert_int_equal(wire_encode_lists(lists, 2, &data, &length), 0);
	assert_int_equal(wire_decode_lists(data, length, decoded, 2), 0);
	assert_int_equal(decoded[0].vaddr, 0x1234);
	assert_int_equal(decoded[0].count, 2);
	assert_string_equal(decoded[0].symbols[0].name, "inner");
	assert_string_equal(decoded[0].symbols[0].linkage, "_Z5innerv");
	assert_string_equal(decoded[0].symbols[0].file, "a.c");
	assert_int_equal(decoded[0].symbols[0].line, 3);
	assert_true(decoded[0].symbols[0].inlined);
	assert_string_equal(decoded[0].symbols[1].name, "");
	assert_null(decoded[0].symbols[1].linkage); /* no other than the name */
	assert_null(decoded[0].symbols[1].file);
	assert_false(decoded[0].symbols[1].inlined);
	assert_int_equal(decoded[1].count, 1);
	assert_null(decoded[1].symbols[0].name);
	assert_int_equal(decoded[1].symbols[0].line, UINT32_MAX);
	symbol_lists_release(decoded, 2);
	symbol_lists_release(lists, 2);
	free(data);
}

/* Each cut and each changed byte: refused, or lists that hold what the contract promises. */
static void check_damaged(const void *data, size_t length)
{
	struct symbol_list decoded[2];
	void *copy = malloc(length ? length : 1);
	int error;

	memcpy(copy, data, length);
	error = wire_decode_lists(copy, length, decoded, 2);
	assert_true(error == 0 || error == -EPROTO);
	for (size_t i = 0; i < 2; i++)
		assert_true(error ? decoded[i].count == 0 : decoded[i].count > 0);
	symbol_lists_release(decoded, 2);
	free(copy);
}

static void damaged_replies_are_survived(void **state)
{
	struct symbol_list lists[2], decoded[2];
	unsigned char *data;
	size_t length;

	(void)state;
	fill(lists);
	assert_int_equal(wire_encode_lists(lists, 2, (void **)&data, &length), 0);
	for (size_t cut = 0; cut < length; cut++) {
		assert_int_equal(wire_decode_lists(data, cut, decoded, 2), -EPROTO);
		check_damaged(data, cut);
	}
	for (size_t at = 0; at < length; at++) {
		for (unsigned int value = 0; value < 256; value++) {
			unsigned char before = data[at];

			data[at] = (unsigned char)value;
			check_damaged(data, length);
			data[at] = before;
		}
	}
	symbol_lists_release(lists, 2);
	free(data);
}

static void numbers_beyond_the_limits_are_refused(void **state)
{
	struct symbol_list decoded;
	struct {
		uint64_t vaddr;
		uint32_t count;
	} __attribute__((packed)) message = {1, 0};

	(void)state;
	assert_int_equal(wire_decode_lists(&message, sizeof(message), &decoded, 1), -EPROTO);
	message.count = UINT32_MAX;
	assert_int_equal(wire_decode_lists(&message, sizeof(message), &decoded, 1), -EPROTO);
}

static void requests_travel(void **state)
{
	static struct wire_question question;
	const uint64_t offsets[] = {1, UINT64_MAX, 0};
	char data[WIRE_REQUEST_MAX];
	size_t length = wire_encode_request("/lib/a b", offsets, 3, data);
	struct wire_request header;

	(void)state;
	assert_int_equal(wire_decode_request(data, length, &question), 0);
	assert_string_equal(question.path, "/lib/a b");
	assert_int_equal(question.offset_count, 3);
	assert_memory_equal(question.offsets, offsets, sizeof(offsets));
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(wire_decode_request(data, cut, &question), -EPROTO);
	memcpy(&header, data, sizeof(header));
	header.offset_count = WIRE_OFFSETS_MAX + 1;
	memcpy(data, &header, sizeof(header));
	assert_int_equal(wire_decode_request(data, length, &question), -EPROTO);
	header = (struct wire_request){.path_length = WIRE_PATH_MAX + 1};
	memcpy(data, &header, sizeof(header));
	assert_int_equal(wire_decode_request(data, sizeof(data), &question), -EPROTO);
}

/* More than a reply may hold: the first lists are whole, the last nameless, all are there. */
static void replies_are_bounded(void **state)
{
	enum { COUNT = 4096, SYMBOLS = 4 };
	struct symbol_list *lists = calloc(COUNT, sizeof(*lists));
	struct symbol_list *decoded = calloc(COUNT, sizeof(*decoded));
	char name[SYMBOL_STRING_MAX + 1] = "";
	size_t length;
	void *data;

	(void)state;
	memset(name, 'n', SYMBOL_STRING_MAX);
	for (size_t i = 0; i < COUNT * SYMBOLS; i++)
		add(&lists[i / SYMBOLS], &(struct symbol){.name = name, .line = 1});
	assert_int_equal(wire_encode_lists(lists, COUNT, &data, &length), 0);
	assert_true(length <= WIRE_REPLY_MAX);
	assert_int_equal(wire_decode_lists(data, length, decoded, COUNT), 0);
	assert_int_equal(decoded[0].count, SYMBOLS);
	assert_string_equal(decoded[0].symbols[0].name, name);
	assert_int_equal(decoded[COUNT - 1].count, 1);
	assert_null(decoded[COUNT - 1].symbols[0].name);
	symbol_lists_release(lists, COUNT);
	symbol_lists_release(decoded, COUNT);
	free(lists);
	free(decoded);
	free(data);
}

static void lists_and_strings_are_bounded(void **state)
{
	struct symbol_list list = {0};
	char *name = malloc(100001);
	const struct symbol symbol = {.name = name, .linkage = name, .file = name};

	(void)state;
	memset(name, 'n', 100000);
	name[100000] = '\0';
	for (int i = 0; i < SYMBOLS_PER_ADDRESS_MAX; i++)
		add(&list, &symbol);
	assert_int_equal(strlen(list.symbols[0].name), SYMBOL_STRING_MAX);
	assert_int_equal(symbol_list_add(&list, &symbol), -E2BIG);
	symbol_lists_release(&list, 1);
	assert_int_equal(list.count, 0);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(damaged_replies_are_survived),
		cmocka_unit_test(numbers_beyond_the_limits_are_refused),
		cmocka_unit_test(requests_travel),
		cmocka_unit_test(replies_are_bounded),
		cmocka_unit_test(lists_and_strings_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
