/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/symbol_codec.h"
#include "symbolize/symbol_list.h"

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
	struct confined_answer answer;

	(void)state;
	fill(lists);
	assert_int_equal(symbol_lists_encode(lists, 2, &answer), 0);
	assert_int_equal(symbol_lists_decode(&answer, decoded, 2), 0);
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
	free(answer.data);
}

/* Each cut and each changed byte: refused, or lists that hold what the contract promises. */
static void check_damaged(const void *data, size_t length)
{
	struct symbol_list decoded[2];
	void *copy = malloc(length ? length : 1);
	int error;

	memcpy(copy, data, length);
	error = symbol_lists_decode(&(struct confined_answer){copy, length}, decoded, 2);
	assert_true(error == 0 || error == -EPROTO);
	for (size_t i = 0; i < 2; i++)
		assert_true(error ? decoded[i].count == 0 : decoded[i].count > 0);
	symbol_lists_release(decoded, 2);
	free(copy);
}

static void damaged_answers_are_survived(void **state)
{
	struct symbol_list lists[2], decoded[2];
	struct confined_answer answer;

	(void)state;
	fill(lists);
	assert_int_equal(symbol_lists_encode(lists, 2, &answer), 0);
	unsigned char *data = answer.data;
	size_t length = answer.length;
	for (answer.length = 0; answer.length < length; answer.length++) {
		assert_int_equal(symbol_lists_decode(&answer, decoded, 2), -EPROTO);
		check_damaged(data, answer.length);
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
	const struct confined_answer answer = {&message, sizeof(message)};

	(void)state;
	assert_int_equal(symbol_lists_decode(&answer, &decoded, 1), -EPROTO);
	message.count = UINT32_MAX;
	assert_int_equal(symbol_lists_decode(&answer, &decoded, 1), -EPROTO);
}

static void questions_travel(void **state)
{
	static struct symbol_question question;
	const uint64_t offsets[] = {1, UINT64_MAX, 0};
	const uint32_t too_long = SYMBOL_PATH_MAX + 1;
	const uint64_t too_many = SYMBOL_OFFSETS_MAX + 1;
	size_t length;
	void *data;

	(void)state;
	assert_int_equal(symbol_question_encode("/lib/a b", offsets, 3, &data, &length), 0);
	assert_int_equal(symbol_question_decode(data, length, &question), 0);
	assert_string_equal(question.path, "/lib/a b");
	assert_int_equal(question.offset_count, 3);
	assert_memory_equal(question.offsets, offsets, sizeof(offsets));
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(symbol_question_decode(data, cut, &question), -EPROTO);
	memcpy((char *)data + length - sizeof(offsets) - sizeof(too_many), &too_many,
	       sizeof(too_many));
	assert_int_equal(symbol_question_decode(data, length, &question), -EPROTO);
	free(data);
	data = calloc(1, 2 * SYMBOL_PATH_MAX);
	memcpy(data, &too_long, sizeof(too_long));
	assert_int_equal(symbol_question_decode(data, 2 * SYMBOL_PATH_MAX, &question), -EPROTO);
	free(data);
}

/* More than an answer may hold: the first lists are whole, the last nameless, all are there. */
static void answers_are_bounded(void **state)
{
	enum { COUNT = 4096, SYMBOLS = 4 };
	struct symbol_list *lists = calloc(COUNT, sizeof(*lists));
	struct symbol_list *decoded = calloc(COUNT, sizeof(*decoded));
	char name[SYMBOL_STRING_MAX + 1] = "";
	struct confined_answer answer;

	(void)state;
	memset(name, 'n', SYMBOL_STRING_MAX);
	for (size_t i = 0; i < COUNT * SYMBOLS; i++)
		add(&lists[i / SYMBOLS], &(struct symbol){.name = name, .line = 1});
	assert_int_equal(symbol_lists_encode(lists, COUNT, &answer), 0);
	assert_true(answer.length <= SYMBOL_ANSWER_MAX);
	assert_int_equal(symbol_lists_decode(&answer, decoded, COUNT), 0);
	assert_int_equal(decoded[0].count, SYMBOLS);
	assert_string_equal(decoded[0].symbols[0].name, name);
	assert_int_equal(decoded[COUNT - 1].count, 1);
	assert_null(decoded[COUNT - 1].symbols[0].name);
	symbol_lists_release(lists, COUNT);
	symbol_lists_release(decoded, COUNT);
	free(lists);
	free(decoded);
	free(answer.data);
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
		cmocka_unit_test(damaged_answers_are_survived),
		cmocka_unit_test(numbers_beyond_the_limits_are_refused),
		cmocka_unit_test(questions_travel),
		cmocka_unit_test(answers_are_bounded),
		cmocka_unit_test(lists_and_strings_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
