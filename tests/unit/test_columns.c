/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of 80 columns: where they break, and what of a long name is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "screen.h"

static char *in_columns(const char *text, size_t hang)
{
	struct columns columns;
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_int_equal(columns_init(&columns, file), 0);
	columns_hang(&columns, hang);
	fputs(text, columns.file);
	columns_release(&columns);
	fclose(file);
	return out;
}

static void test_lines_break_at_words(void **state)
{
	char *text = in_columns("  label  one two three four five six seven eight nine ten eleven "
				"twelve 13 entries fourteen\nnext   one\n",
				8);

	(void)state;
	assert_string_equal(text,
			    "  label  one two three four five six seven eight nine ten eleven "
			    "twelve\n        13 entries fourteen\nnext   one\n");
	free(text);
	text = in_columns("123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
			  "123456789 123456789 123456789",
			  0);
	assert_screen(text);
	free(text);
}

static void test_lines_break_words_that_no_line_holds(void **state)
{
	char word[2000], *text;

	(void)state;
	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	text = in_columns(word, 10);
	assert_screen(text);
	size_t letters = 0;

	for (char *c = text; *c; c++)
		letters += *c == 'x';
	assert_int_equal(letters, sizeof(word) - 1);
	free(text);
}

static void test_names_are_shortened_in_the_middle(void **state)
{
	struct columns columns;
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	(void)state;
	assert_int_equal(columns_init(&columns, file), 0);
	columns_print_name(&columns, "recommend.behaviour.HISTORY", 16);
	fputs(" |", columns.file);
	columns_print_name(&columns, "世界世界世界", 7);
	fputs("| ", columns.file);
	columns_print_name(&columns, "short", 5);
	columns_release(&columns);
	fclose(file);
	assert_string_equal(out, "recom…ur.HISTORY |世…世界| short");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_break_at_words),
		cmocka_unit_test(test_lines_break_words_that_no_line_holds),
		cmocka_unit_test(test_names_are_shortened_in_the_middle),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
