/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every format against tests/golden, byte by byte. UPDATE_GOLDEN=1 writes what is there now.
 * The saved profile has none: what it holds is compared by test_profile, and zlib may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/quantity.h"
#include "golden.h"
#include "snapshots.h"

static void compare_golden(const struct snapshot *snapshot, const char *format,
			   const struct output_options *options, const char *golden)
{
	size_t size;
	char *actual = render(snapshot, format, options, &size);

	compare_with_file(actual, size, golden);
	free(actual);
}

/* Only the data: the embedded program would make every golden file change with it. */
static void compare_golden_drawing(const struct snapshot *snapshot, const char *format,
				   const char *golden)
{
	char *actual = render(snapshot, format, NULL, NULL);
	char *data = strstr(actual, "id=\"stack-data\">");

	assert_non_null(data);
	data = strchr(data, '{');
	compare_with_file(data, (size_t)(strstr(data, "</script>") - data), golden);
	free(actual);
}

static void test_golden_service(void **state)
{
	struct snapshot *snapshot = service_snapshot();
	struct output_options blocks = {.count = COUNT_BLOCKS}, top = {.top = 2};

	(void)state;
	compare_golden(snapshot, "text", NULL, "service.txt");
	compare_golden(snapshot, "text", &top, "service-top2.txt");
	compare_golden(snapshot, "folded", NULL, "service.folded");
	compare_golden(snapshot, "folded", &blocks, "service-blocks.folded");
	compare_golden(snapshot, "json", NULL, "service.json");
	compare_golden_drawing(snapshot, "html", "service-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_hostile(void **state)
{
	struct snapshot *snapshot = hostile_snapshot();

	(void)state;
	compare_golden(snapshot, "text", NULL, "hostile.txt");
	compare_golden(snapshot, "folded", NULL, "hostile.folded");
	compare_golden(snapshot, "json", NULL, "hostile.json");
	compare_golden_drawing(snapshot, "svg", "hostile-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_lost(void **state)
{
	struct output_options blocks = {.count = COUNT_BLOCKS}, by_file = {.by = BY_FILE},
			      all = {.top = 20};
	struct snapshot *snapshot = judged_snapshot();

	(void)state;
	compare_golden(snapshot, "text", &all, "lost.txt");
	compare_golden(snapshot, "text", &by_file, "lost-by-file.txt");
	compare_golden(snapshot, "folded", NULL, "lost.folded");
	compare_golden(snapshot, "folded", &blocks, "lost-blocks.folded");
	compare_golden(snapshot, "json", NULL, "lost.json");
	compare_golden_drawing(snapshot, "svg", "lost-drawing.json");
	snapshot_free(snapshot);
}

static void test_golden_objects(void **state)
{
	struct output_options blocks = {.count = COUNT_BLOCKS}, by_file = {.by = BY_FILE};
	struct snapshot *snapshot = objects_snapshot();

	(void)state;
	compare_golden(snapshot, "text", NULL, "objects.txt");
	compare_golden(snapshot, "text", &by_file, "objects-by-file.txt");
	compare_golden(snapshot, "folded", &blocks, "objects-blocks.folded");
	compare_golden(snapshot, "json", NULL, "objects.json");
	compare_golden_drawing(snapshot, "svg", "objects-drawing.json");
	snapshot_free(snapshot);
}

static void test_json_has_live_stacks_unless_all_are_asked_for(void **state)
{
	struct output_options all = {.all_stacks = true};
	struct snapshot *snapshot = service_snapshot();
	char *some_text = render(snapshot, "json", NULL, NULL);
	char *all_text = render(snapshot, "json", &all, NULL);

	(void)state;
	assert_null(strstr(some_text, "\"live_bytes\":0,"));
	assert_non_null(strstr(all_text, "\"live_bytes\":0,"));
	assert_non_null(strstr(some_text, "\"freed_stacks\":{\"stacks\":1,\"alloc_bytes\":100,"
					  "\"alloc_blocks\":1}"));
	free(some_text);
	free(all_text);
	snapshot_free(snapshot);
}

static void assert_clean(const char *text)
{
	for (; *text; text++) {
		if (((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t') ||
		    *text == 0x7f)
			fail_msg("control byte %02x", (unsigned char)*text);
		assert_false((unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0);
		assert_true(strncmp(text, "\xe2\x80\xae", 3));
	}
}

static void test_hostile_names_stay_text(void **state)
{
	static const char *const readable[] = {"text", "folded", "svg", "html"};
	struct snapshot *snapshot = hostile_snapshot();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *text = render(snapshot, readable[i], NULL, NULL);

		assert_clean(text);
		if (i >= 2) {
			assert_null(strstr(text, "<script>alert"));
			assert_null(strstr(text, "<img"));
			assert_null(strstr(text, "<b>"));
		}
		free(text);
	}
	snapshot_free(snapshot);
}

static void test_every_folded_line_parses(void **state)
{
	struct snapshot *snapshot = hostile_snapshot();
	char *text = render(snapshot, "folded", NULL, NULL);
	size_t lines = 0;

	(void)state;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		char *number = strrchr(line, ' ');
		char *end;

		assert_non_null(number);
		assert_true(strtoull(number + 1, &end, 10) >= 1000);
		assert_int_equal(*end, '\0');
		assert_non_null(strchr(line, ';'));
	}
	assert_int_equal(lines, snapshot->stack_count);
	free(text);
	snapshot_free(snapshot);
}

static void test_quantities(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	quantity_print_bytes(file, 999);
	fputs("|", file);
	quantity_print_bytes(file, 999949999);
	fputs("|", file);
	quantity_print_bytes(file, UINT64_MAX);
	fputs("|", file);
	quantity_print_count(file, 1234567);
	fputs("|", file);
	quantity_print_count(file, 999);
	fputs("|", file);
	quantity_print_age(file, 58400000000);
	fputs("|", file);
	quantity_print_age(file, 4250000000);
	fputs("|", file);
	quantity_print_age(file, 90000000000000);
	fputs("|", file);
	quantity_print_percent(file, 1, 3);
	fputs("|", file);
	quantity_print_percent(file, 1, 300);
	fclose(file);
	assert_string_equal(text, "999 B|999.9 MB|18.4 EB|1,234,567|999|58 s|4.3 s|25.0 h|33 %|"
				  "0.3 %");
	free(text);
}

static void test_formats_are_found(void **state)
{
	(void)state;
	assert_string_equal(output_format_by_path("a/b.pb.gz")->name, "pprof");
	assert_string_equal(output_format_by_path("x.tar.svg")->name, "svg");
	assert_null(output_format_by_path("x.gz"));
	assert_null(output_format_by_path(".svg"));
	assert_null(output_format_by_name("nope"));
	char *names = strdup(output_format_names());
	size_t count = 0;

	for (char *name = strtok(names, ", "); name; name = strtok(NULL, ", "), count++)
		assert_non_null(output_format_by_name(name));
	assert_int_equal(count, 6);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_service),
		cmocka_unit_test(test_golden_hostile),
		cmocka_unit_test(test_golden_lost),
		cmocka_unit_test(test_golden_objects),
		cmocka_unit_test(test_json_has_live_stacks_unless_all_are_asked_for),
		cmocka_unit_test(test_hostile_names_stay_text),
		cmocka_unit_test(test_every_folded_line_parses),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_formats_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
