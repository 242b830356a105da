/* SPDX-License-Identifier: BSD-2-Clause */
/* Words are filled in where they stand, and a sentence ends where there is no room. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/sentence.h"

static const char *find_word(void *context, const char *name, size_t length)
{
	size_t *asked = context;

	(*asked)++;
	return sentence_is_word(name, length, "pid")    ? "4711"
	       : sentence_is_word(name, length, "name") ? "{pid}"
							: "";
}

static void check(const char *sentence, size_t words, const char *expected)
{
	char text[100], cut[100];
	size_t asked = 0, length = strlen(expected);

	assert_int_equal(sentence_write(sentence, find_word, &asked, text, sizeof(text)), length);
	assert_string_equal(text, expected);
	assert_int_equal(asked, words);
	for (size_t size = 1; size <= length + 1; size++) {
		memset(cut, '#', sizeof(cut));
		assert_int_equal(sentence_write(sentence, find_word, &asked, cut, size), length);
		assert_int_equal(strlen(cut), size - 1);
		assert_memory_equal(cut, expected, size - 1);
		assert_int_equal(cut[size], '#');
	}
	assert_int_equal(sentence_write(sentence, find_word, &asked, NULL, 0), length);
}

static void test_words(void **state)
{
	(void)state;
	check("", 0, "");
	check("nothing to say", 0, "nothing to say");
	check("process {pid} is gone", 1, "process 4711 is gone");
	check("{name}{pid}", 2, "{pid}4711");
	check("{pi}{pidx}{nam}.", 3, ".");
	check("a } alone", 0, "a } alone");
	check("it ends in {pid", 1, "it ends in 4711");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
