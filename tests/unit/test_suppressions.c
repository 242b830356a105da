/* SPDX-License-Identifier: BSD-2-Clause */
/* Suppressions in LeakSanitizer's syntax, and what they leave out of a difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "analyze/suppressions.h"
#include "differences.h"

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{"load", "load_user", true},
		{"load", "reload", true},
		{"load", "lo", false},
		{"^load", "load_user", true},
		{"^load", "reload", false},
		{"user$", "load_user", true},
		{"user$", "load_user_now", false},
		{"^load_user$", "load_user", true},
		{"^load_user$", "load_users", false},
		{"^load_user$", "my_load_user", false},
		{"foo$", "foofoo", true}, /* LeakSanitizer stops at the first */
		{"l*d*r", "load_user", true},
		{"l*x*r", "load_user", false},
		{"^*user", "load_user", true},
		{"^load*user$", "load_my_user", true},
		{"^load*user$", "load_user_x", false},
		{"^load*load$", "load", false},
		{"libcache.so*", "/usr/lib/libcache.so.2", true},
		{"*", "anything", true},
		{"^", "anything", true},
		{"$", "anything", true},
		{"^$", "anything", false},
		{"***", "a", true},
		{"a$b", "a$b", true},
		{"std::vector<*>::insert", "void std::vector<int, a>::insert(int)", true},
		{"load", "", false},
		{"*", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (suppression_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
			fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].name);
}

static struct suppressions *read_text(const char *text)
{
	char error[200] = "";
	struct suppressions *suppressions =
		suppressions_read(text, strlen(text), error, sizeof(error));

	if (!suppressions)
		fail_msg("%s", error);
	return suppressions;
}

static void test_files(void **state)
{
	struct suppressions *suppressions =
		read_text("# known\n\nleak:one\r\n  leak:two three \n\t# more\nleak:^four$");
	char error[200] = "";

	(void)state;
	assert_int_equal(suppressions->count, 3);
	assert_string_equal(suppressions->patterns[0], "one");
	assert_string_equal(suppressions->patterns[1], "two three");
	assert_string_equal(suppressions->patterns[2], "^four$");
	suppressions_free(suppressions);
	suppressions = read_text("");
	assert_int_equal(suppressions->count, 0);
	suppressions_free(suppressions);
	suppressions_free(NULL);
	assert_null(suppressions_read("leak:a\nrace:b\n", 14, error, sizeof(error)));
	assert_string_equal(error, "has no suppression on line 2: it takes leak:PATTERN");
	assert_null(suppressions_read("leak:", 5, error, sizeof(error)));
	assert_null(suppressions_read("\x1f\x8b\0\0\n", 5, error, sizeof(error)));
}

static struct difference *suppressed(const char *text)
{
	struct snapshot *before = mended_snapshot(true), *after = mended_snapshot(false);
	struct difference *difference = difference_of_profiles(before, after);
	struct suppressions *suppressions = read_text(text);

	difference_suppress(difference, suppressions);
	suppressions_free(suppressions);
	snapshot_free(before);
	snapshot_free(after);
	return difference;
}

/* By function, by Python file, by module; what is left is judged without it. */
static void test_what_matches_is_left_out_and_counted(void **state)
{
	struct difference *difference = suppressed("leak:none\nleak:^*/views.py$\n");

	(void)state;
	assert_int_equal(difference->entry_count, 3);
	assert_int_equal(difference->suppression_count, 2);
	assert_int_equal(difference->suppressions[0].entries, 0);
	assert_int_equal(difference->suppressions[1].entries, 1);
	assert_true(difference->suppressions[1].before.bytes == 500000);
	assert_true(difference->suppressions[1].after.bytes == 15000000);
	assert_true(difference->total.after.bytes == 2065536);
	assert_true(difference->total.rate.value < 0.1e6);
	assert_null(difference_above(difference, 0.1e6));
	difference_free(difference);

	difference = suppressed("leak:libcache\nleak:views.py\n");
	assert_int_equal(difference->entry_count, 2);
	assert_int_equal(difference->suppressions[0].entries, 2);
	assert_int_equal(difference->suppressions[1].entries, 0);
	difference_free(difference);

	difference = suppressed("leak:^main$\n");
	assert_int_equal(difference->entry_count, 0);
	assert_true(difference->total.before.bytes == 0 && difference->total.after.bytes == 0);
	assert_true(difference->total.after.rate.value == 0);
	difference_free(difference);
}

static void test_they_show_in_the_text(void **state)
{
	struct difference *difference = suppressed("leak:libcache\nleak:none\n");
	size_t size;
	char *text = render_difference(difference, difference_text, &size);

	(void)state;
	assert_non_null(strstr(text, "\nsuppressed by libcache: 2, with 2.5 MB -> 17.0 MB\n"
				     "1 suppression matches nothing\n"));
	assert_null(strstr(text, "remember"));
	free(text);
	text = render_difference(difference, difference_folded, &size);
	assert_null(strstr(text, "put"));
	free(text);
	difference_free(difference);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_what_matches_is_left_out_and_counted),
		cmocka_unit_test(test_they_show_in_the_text),
	};

	return cmocka_run_group_tests_name("suppressions", tests, NULL, NULL);
}
