/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and values as the specification of OpenMetrics 1.0 wants them, also hostile ones. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "output/openmetrics.h"

struct writing {
	char *text;
	size_t size;
	FILE *file;
};

static FILE *begin(struct writing *writing)
{
	writing->file = open_memstream(&writing->text, &writing->size);
	assert_non_null(writing->file);
	return writing->file;
}

static void check(struct writing *writing, const char *expected)
{
	fclose(writing->file);
	assert_string_equal(writing->text, expected);
	free(writing->text);
}

static void test_a_page(void **state)
{
	struct writing writing;
	FILE *file = begin(&writing);
	const struct openmetrics_label labels[] = {
		{"pid", "17"}, {"cgroup", NULL}, {"comm", "gunicorn"}};

	(void)state;
	openmetrics_family(file, OPENMETRICS_GAUGE, "a_bytes", "What it is.");
	openmetrics_sample(file, OPENMETRICS_GAUGE, "a_bytes", labels, 3, 1234567890123.0);
	openmetrics_sample(file, OPENMETRICS_GAUGE, "a_bytes", NULL, 0, -0.25);
	openmetrics_family(file, OPENMETRICS_COUNTER, "b", "How many.");
	openmetrics_sample(file, OPENMETRICS_COUNTER, "b", labels + 1, 1, 3);
	openmetrics_family(file, OPENMETRICS_INFO, "c", "Which.");
	openmetrics_sample(file, OPENMETRICS_INFO, "c", labels, 1, 1);
	openmetrics_end(file);
	check(&writing, "# TYPE a_bytes gauge\n# HELP a_bytes What it is.\n"
			"a_bytes{pid=\"17\",comm=\"gunicorn\"} 1234567890123\n"
			"a_bytes -0.25\n"
			"# TYPE b counter\n# HELP b How many.\n"
			"b_total 3\n"
			"# TYPE c info\n# HELP c Which.\n"
			"c_info{pid=\"17\"} 1\n"
			"# EOF\n");
}

static void test_names_of_the_target(void **state)
{
	struct writing writing;
	FILE *file = begin(&writing);
	const struct openmetrics_label label = {"comm", "a\"b\\c\nd\x1b[0m\xff} 7\r"};

	(void)state;
	openmetrics_sample(file, OPENMETRICS_GAUGE, "a", &label, 1, 1);
	check(&writing, "a{comm=\"a\\\"b\\\\c\\\\x0ad\\\\x1b[0m\\\\xff} 7\\\\x0d\"} 1\n");
}

static void test_a_long_name_is_cut(void **state)
{
	struct writing writing;
	char name[5000];
	struct openmetrics_label label = {"cgroup", name};

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	openmetrics_sample(begin(&writing), OPENMETRICS_GAUGE, "a", &label, 1, 1);
	fclose(writing.file);
	assert_true(writing.size < 600);
	free(writing.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page),
		cmocka_unit_test(test_names_of_the_target),
		cmocka_unit_test(test_a_long_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
