/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a look and of an answer, line by line where whole outputs
 * (test_look_output.c) show one case alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "looks.h"
#include "output/heap.h"
#include "output/why_label.h"

/* Those that look the same are one row, and no more rows than there is room for. */
static void test_stacks_in_groups(void **state)
{
	static const struct answer_frame a = {"a", "/srv/a.py", 1, true};
	static const struct answer_frame b = {"b", "/srv/a.py", 2, true};
	static const struct answer_frame c = {"c", "/srv/a.py", 3, true};
	const struct answer_fill fills[] = {{5, 1, &a, 1, 0},         {-2, 1, &b, 1, 0},
					    {7, 1, &a, 1, 0},         {9, 1, &c, 1, 0},
					    {INT64_MAX, 1, &a, 1, 0}, {-1, 1, &b, 1, 0}};
	struct answer_fill groups[3] = {0};

	(void)state;
	assert_int_equal(why_group_fills(fills, 6, groups, 2), 2);
	assert_ptr_equal(groups[0].frames, &a);
	assert_true(groups[0].delta == INT64_MAX);
	assert_ptr_equal(groups[1].frames, &b);
	assert_int_equal(groups[1].delta, -3);
	assert_null(groups[2].frames);
	assert_int_equal(why_group_fills(fills, 4, groups, 3), 3);
	assert_int_equal(groups[0].delta, 12);
	assert_int_equal(groups[2].delta, 9);
	assert_int_equal(why_group_fills(fills, 0, groups, 3), 0);
}

static void check_mappings(struct look *look, size_t count, const char *said)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	look->mapping_count = count;
	assert_int_equal(heap_text(look, &(struct heap_output_options){0}, file), 0);
	fclose(file);
	assert_true(said ? strstr(text, said) != NULL : !strstr(text, "\nmapped"));
	free(text);
}

/* That there are anonymous mappings is known; what they are for is said where more is known. */
static void test_what_mappings_are_for(void **state)
{
	const struct look_count plain[] = {{LOOK_PLAIN_MAPPING, 1, 4 << 20}, {"V8", 2, 3 << 20}};
	struct look *look = service_look();

	(void)state;
	look->mappings = plain;
	check_mappings(look, 0, NULL);
	check_mappings(look, 1, NULL);
	check_mappings(look, 2, "V8 ");
	look->mappings = plain + 1;
	check_mappings(look, 1, "V8 ");
	look_free(look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stacks_in_groups),
		cmocka_unit_test(test_what_mappings_are_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
