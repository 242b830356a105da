/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks as text, JSON and DOT: against tests/golden, on a screen of 80 columns, and
 * with names that attack. UPDATE_GOLDEN=1 writes what is there now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "golden.h"
#include "looks.h"
#include "screen.h"
#include "strict_json.h"
#include "look/hints.h"
#include "output/heap.h"

static char *render_look(const struct look *look, heap_output_fn *write, size_t top)
{
	struct heap_output_options options = {.top = top};
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(write(look, &options, file), 0);
	fclose(file);
	return text;
}

static void compare_look(const struct look *look, heap_output_fn *write, const char *golden)
{
	char *text = render_look(look, write, 0);

	compare_with_file(text, strlen(text), golden);
	if (write == heap_text)
		assert_screen(text);
	free(text);
}

static void test_heap(void **state)
{
	struct look *look = service_look();

	(void)state;
	compare_look(look, heap_text, "heap.txt");
	compare_look(look, heap_json, "heap.json");
	add_growth(look);
	compare_look(look, heap_text, "heap-growth.txt");
	compare_look(look, heap_json, "heap-growth.json");
	look_free(look);
}

static void test_heap_of_a_core(void **state)
{
	static const struct look_core core = {.path = "/var/crash/core.\033[31m1235",
					      .missing_bytes = 12 << 20,
					      .missing_stacks = 2,
					      .changed_files = 1,
					      .changed_file = "/srv/app/libold.so"};
	struct look *look = service_look();

	(void)state;
	look->core = &core;
	look_add_hints(look);
	compare_look(look, heap_text, "heap-core.txt");
	compare_look(look, heap_json, "heap-core.json");
	look_free(look);
}

static void test_heap_of_a_master(void **state)
{
	struct look *look = service_look();

	(void)state;
	look->workers = (struct look_workers){.count = 3, .first = 1300};
	char *text = render_look(look, heap_text, 0), *json = render_look(look, heap_json, 0);

	assert_screen(text);
	assert_non_null(strstr(text, "\nbeside  3 workers that it forked, not looked at: unfreed "
				     "heap -p 1300\n"));
	assert_non_null(strstr(json, "\"workers\":3,\"first_worker\":1300"));
	free(text);
	free(json);
	look_free(look);
}

/* What is saved can be read back, whatever bytes a target has for names. */
static void test_names_that_are_no_utf8(void **state)
{
	static const struct look_type types[] = {{"shop.\x90Kh\xff", "python", 1, 64}};
	struct look *look = service_look();

	(void)state;
	look->types = types;
	look->type_count = 1;
	look->exe = "/srv/caf\xe9/bin/python";
	char *text = render_look(look, heap_json, 0);
	assert_non_null(strstr(text, "\"/srv/caf\xef\xbf\xbd/bin/python\""));
	assert_non_null(strstr(text, "\"shop.\xef\xbf\xbdKh\xef\xbf\xbd\""));
	free(text);
	look_free(look);
}

/* Names that would end a string of DOT do not. */
static void test_holders(void **state)
{
	struct look *look = service_look(), *hostile = hostile_look();

	(void)state;
	look->asked_for = "Event";
	compare_look(look, heap_text, "holders.txt");
	compare_look(look, heap_dot, "holders.dot");
	hostile->asked_for = HOSTILE_NAME;
	compare_look(hostile, heap_text, "holders-hostile.txt");
	compare_look(hostile, heap_dot, "holders-hostile.dot");
	look_free(hostile);
	look_free(look);
}

/* Tables end where they were asked to, and a look at nothing is written as well. */
static void test_heap_extremes(void **state)
{
	struct look *look = service_look(), *empty = look_new();
	char *text = render_look(look, heap_text, 1);

	(void)state;
	assert_null(strstr(text, "std::vector"));
	assert_non_null(strstr(text, "HISTORY"));
	free(text);
	compare_look(empty, heap_text, "heap-empty.txt");
	compare_look(empty, heap_json, "heap-empty.json");
	look_free(empty);
	look_free(look);
}

static void test_hostile_names(void **state)
{
	struct look *look = hostile_look();
	char *text = render_look(look, heap_text, 0);

	(void)state;
	assert_screen(text);
	assert_non_null(strstr(text, "END"));
	free(text);
	assert_json(render_look(look, heap_json, 0), "unfreed/heap/1");
	look_free(look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_heap_of_a_core),
		cmocka_unit_test(test_heap_of_a_master),
		cmocka_unit_test(test_names_that_are_no_utf8),
		cmocka_unit_test(test_holders),
		cmocka_unit_test(test_heap_extremes),
		cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests_name("look_output", tests, NULL, NULL);
}
