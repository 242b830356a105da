/* SPDX-License-Identifier: BSD-2-Clause */
/* An allocator is told by the beginning of its messages, wherever they lie, and by nothing less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "allocators/hidden_allocator.h"

static void assert_kind(const char *bytes, const char *kind)
{
	const char *found = hidden_allocator_in(bytes, strlen(bytes));

	if (kind)
		assert_string_equal(found, kind);
	else
		assert_null(found);
}

static void test_messages(void **state)
{
	(void)state;
	assert_kind("<jemalloc>: Error in atexit()", "jemalloc");
	assert_kind("any text, then malloc, malloc and mimalloc: warning: ", "mimalloc");
	assert_kind("tcmalloc: large alloc", "tcmalloc");
	assert_kind("xmalloc: out of memory", NULL);
	assert_kind("jemalloc-5.3.0", NULL);
	assert_kind("", NULL);
}

/* Neither before the piece nor behind it is anything read. */
static void test_edges(void **state)
{
	const char *text = "<jemalloc>: ";

	(void)state;
	for (size_t start = 0; start <= strlen(text); start++)
		for (size_t end = start; end <= strlen(text); end++)
			assert_int_equal(!hidden_allocator_in(text + start, end - start),
					 start > 0 || end < strlen(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
