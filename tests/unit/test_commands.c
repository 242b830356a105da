/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What commands that need no process write, say and return: over saved files of tests/golden, into
 * a directory of their own. Run from the top directory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "command_run.h"
#include "commands/diff.h"
#include "commands/heap.h"
#include "commands/monitor.h"
#include "commands/output_options.h"
#include "commands/record.h"
#include "commands/report.h"
#include "commands/why.h"
#include "golden.h"
#include "snapshots.h"

#define G "tests/golden/"

static void check(int (*command)(int argc, char **argv), const char *line, int status,
		  const char *golden, const char *err)
{
	struct run run = run_words(command, line);

	if (run.status != status)
		fail_msg("%s: status %d: %s", line, run.status, run.err);
	if (golden)
		compare_with_file(run.out, strlen(run.out), golden);
	else
		assert_string_equal(run.out, "");
	if (strcmp(run.err, err))
		fail_msg("%s\n  says: %s  not:  %s", line, run.err, err);
	run_release(&run);
}

/* --- report --- */

static void test_report(void **state)
{
	(void)state;
	check(report_main, G "service.pb.gz", 0, "service.txt", "");
	check(report_main, G "service.pb.gz -f json", 0, "service.json", "");
	check(report_main, G "service.pb.gz -f folded", 0, "service.folded", "");
	check(report_main, G "service.pb.gz -f folded --count blocks", 0, "service-blocks.folded",
	      "");
	check(report_main, G "service.pb.gz --top 2", 0, "service-top2.txt", "");
	check(report_main, G "lost.pb.gz --by file", 0, "lost-by-file.txt", "");
	check(report_main, "", 2, NULL,
	      "unfreed: report needs a saved profile: name a .pb.gz file that unfreed wrote\n");
	check(report_main, G "service.pb.gz --top x", 2, NULL,
	      "unfreed: --top needs a number of stacks from 1 up, not \"x\"\n");
	check(report_main, G "none.pb.gz", 1, NULL,
	      "unfreed: cannot read tests/golden/none.pb.gz: No such file or directory\n");
	check(report_main, G "service.pb.gz " G "none.pb.gz", 1, NULL,
	      "unfreed: cannot read tests/golden/none.pb.gz: No such file or directory\n");
}

/* Several are added up: of the same twice each figure is twice as large, but for times. */
static void test_reports_are_added(void **state)
{
	struct run once = run_words(report_main, G "service.pb.gz -f folded");
	struct run twice = run_words(report_main, G "service.pb.gz " G "service.pb.gz -f folded");
	const char *a = once.out, *b = twice.out;

	(void)state;
	assert_true(*a);
	while (*a) {
		size_t line_a = strcspn(a, "\n"), line_b = strcspn(b, "\n");
		const char *figure_a = memrchr(a, ' ', line_a), *figure_b = memrchr(b, ' ', line_b);

		assert_int_equal(figure_a - a, figure_b - b);
		assert_memory_equal(a, b, (size_t)(figure_a - a));
		assert_int_equal(2 * atoll(figure_a), atoll(figure_b));
		a += line_a + 1;
		b += line_b + 1;
	}
	assert_int_equal(*b, 0);
	run_release(&once);
	run_release(&twice);
}

/* --- diff --- */

#define KINDS   ": diff compares two of a kind\n"
#define NO_RATE "unfreed: cannot tell whether it grows faster than --fail-above allows: "

static void test_diff(void **state)
{
	(void)state;
	check(diff_main, G "service.pb.gz " G "service.json -f json", 0, "diff-of-same.json", "");
	check(diff_main, G "heap.json " G "heap-growth.json", 0, "diff-of-looks.txt", "");
	check(diff_main, G "why.json " G "why-early.json", 0, "diff-of-answers.txt", "");
	check(diff_main, G "deep.pb.gz " G "wide.pb.gz --top 3", 0, "diff-of-profiles.txt", "");
	check(diff_main, G "mapped.pb.gz " G "service.pb.gz -f folded", 0,
	      "diff-of-profiles.folded", "");
	check(diff_main, G "heap.json " G "why.json", 2, NULL,
	      "unfreed: tests/golden/heap.json is a look of heap, and tests/golden/why.json is an "
	      "answer of why" KINDS);
	check(diff_main, G "service.json " G "heap.json", 2, NULL,
	      "unfreed: tests/golden/service.json is a profile of record, and "
	      "tests/golden/heap.json is a look of heap" KINDS);
	check(diff_main, G "service.txt " G "heap.json", 2, NULL,
	      "unfreed: tests/golden/service.txt is nothing that diff compares: it takes what record "
	      "saved (.pb.gz, .json), heap or why (.json)\n");
	check(diff_main, G "service.pb.gz " G "none", 2, NULL,
	      "unfreed: cannot read tests/golden/none: No such file or directory\n");
	check(diff_main, G "heap.json " G "heap.json -f folded", 2, NULL,
	      "unfreed: folded needs two profiles of record: looks and answers have no stacks to "
	      "fold\n");
	check(diff_main, G "heap.json", 2, NULL,
	      "unfreed: diff needs two files: one from before, one from after\n");
}

/* The page, from its body on: its style is another matter. */
static void test_diff_page(void **state)
{
	static const char *const cases[][2] = {
		{G "why.json " G "why-early.json -f html", "diff-of-answers.html"},
		{G "heap.json " G "heap-empty.json -f html", "diff-of-looks.html"},
		{G "mapped.pb.gz " G "service.pb.gz -f html", "diff-of-profiles.html"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = run_words(diff_main, cases[i][0]);
		char *body = strstr(run.out, "<body"), *script = strstr(run.out, "<script");

		assert_int_equal(run.status, 0);
		assert_int_equal(strncmp(run.out, "<!DOCTYPE html>", 15), 0);
		assert_non_null(body);
		compare_with_file(body, script ? (size_t)(script - body) : strlen(body),
				  cases[i][1]);
		run_release(&run);
	}
}

/* What is written is written in any case. */
static void test_diff_that_fails(void **state)
{
	static const struct {
		const char *words;
		int status;
		const char *err;
	} cases[] = {
		{G "why.json " G "why.json --fail-above 0", 0, ""},
		{G "deep.pb.gz " G "service.pb.gz --fail-above 1GB/h", 0, ""},
		{G "deep.pb.gz " G "service.pb.gz --fail-above 500MB/h", 1,
		 "unfreed: the whole grows faster than --fail-above allows, by 666.6 MB/h more than before\n"},
		{G "why-early.json " G "why.json --fail-above 1MB/h", 1,
		 NO_RATE "one of the answers is that it is too early to tell\n"},
		{G "heap.json " G "heap.json --fail-above 1MB/h", 1,
		 NO_RATE
		 "two looks have a rate where they are of one process, the later one second\n"},
		{G "lost.pb.gz " G "hostile.pb.gz --fail-above 1MB/h", 1,
		 NO_RATE "a profile of less than five seconds, or of the highest moment, has no "
			 "rates\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = run_words(diff_main, cases[i].words);

		if (run.status != cases[i].status || (!*cases[i].err && *run.err) ||
		    strncmp(run.err, cases[i].err, strlen(cases[i].err)))
			fail_msg("%s: status %d: %s", cases[i].words, run.status, run.err);
		assert_true(strlen(run.out) > 100);
		run_release(&run);
	}
}

static void test_suppressions(void **state)
{
	(void)state;
	tree_write("known", "leak:load_user\n");
	tree_write("wrong", "race:load_user\n");
	check(diff_main, G "deep.pb.gz " G "service.pb.gz --top 1 --suppressions %known", 0,
	      "diff-suppressed.txt", "");
	struct run run =
		run_words(diff_main, G "deep.pb.gz " G "service.pb.gz --suppressions %wrong");

	assert_int_equal(run.status, 2);
	assert_string_equal(run.out, "");
	assert_non_null(strstr(run.err, "/wrong "));
	run_release(&run);
	run = run_words(diff_main, G "deep.pb.gz " G "service.pb.gz --suppressions %none");
	assert_int_equal(run.status, 2);
	assert_non_null(strstr(run.err, "/none: No such file or directory\n"));
	run_release(&run);
}

/* --- files --- */

static char *read_tree(const char *name)
{
	char *text = read_all(tree_path(name));

	if (!text)
		fail_msg("%s is not there", name);
	return text;
}

/* One file of each kind, as on stdout. */
static void test_files(void **state)
{
	struct run written =
		run_words(report_main, G "service.pb.gz -o%a.txt -o%b.json -o%c.folded");
	struct run again = run_words(diff_main, G "heap.json " G "heap-growth.json -o%d.txt");

	(void)state;
	assert_int_equal(written.status, 0);
	assert_string_equal(written.out, "");
	assert_string_equal(written.err, "");
	static const char *const names[][2] = {{"a.txt", "service.txt"},
					       {"b.json", "service.json"},
					       {"c.folded", "service.folded"},
					       {"d.txt", "diff-of-looks.txt"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = read_tree(names[i][0]);

		compare_with_file(text, strlen(text), names[i][1]);
		free(text);
	}
	run_release(&written);
	run_release(&again);
}

static void add_output(struct output_plan *plan, const char *path, const char *format)
{
	plan->requests = realloc(plan->requests, (plan->count + 1) * sizeof(*plan->requests));
	plan->requests[plan->count++] =
		(struct output_request){path, output_format_by_name(format)};
}

static enum exit_status write_plan(const struct output_plan *plan, char **out, char **err)
{
	struct snapshot *snapshot = service_snapshot();
	struct said said_out = said_begin(STDOUT_FILENO), said_err = said_begin(STDERR_FILENO);
	enum exit_status status = output_write_all(plan, snapshot);

	*err = said_end(&said_err);
	*out = said_end(&said_out);
	snapshot_free(snapshot);
	return status;
}

/* The moment of a report stands in its name; what was recorded goes somewhere in any case. */
static void test_outputs_of_a_recording(void **state)
{
	struct output_plan plan = {.fresh = true};
	char *out, *err, *path = strdup(tree_path("at-%t.txt")), expected[400];

	(void)state;
	message_set_verbosity(VERBOSITY_NORMAL);
	add_output(&plan, path, "text");
	assert_true(output_check_all(&plan));
	assert_int_equal(write_plan(&plan, &out, &err), STATUS_OK);
	snprintf(
		expected, sizeof(expected),
		"unfreed: wrote %s/at-20231114T221420.123Z.txt: 12.4 MB in 3,211 blocks not freed\n",
		tree_root);
	assert_string_equal(err, expected);
	assert_string_equal(out, "");
	free(out);
	free(err);
	char *text = read_tree("at-20231114T221420.123Z.txt");

	compare_with_file(text, strlen(text), "service.txt");
	free(text);

	/* what is said before, of such as would be overwritten */
	add_output(&plan, "-", "text");
	add_output(&plan, "b.txt", "text");
	struct said said = said_begin(STDERR_FILENO);

	output_tell_overwritten(&plan);
	text = said_end(&said);
	assert_string_equal(text,
			    "unfreed: b.txt will be of the latest report: %t in its name, which "
			    "stands for the time, keeps each\n");
	free(text);
	free(path);
	output_plan_release(&plan);
}

static void test_outputs_that_cannot_be(void **state)
{
	struct output_plan plan = {.fresh = true};
	char *out, *err;

	(void)state;
	message_set_verbosity(VERBOSITY_NORMAL);
	add_output(&plan, "/no/such/a.json", "json");
	struct said said = said_begin(STDERR_FILENO);
	bool possible = output_check_all(&plan);
	char *text = said_end(&said);

	assert_false(possible);
	assert_string_equal(
		text, "unfreed: cannot write /no/such/a.json: No such file or directory: choose "
		      "a directory that exists and that you may write to\n");
	/* a measurement is not lost for that */
	assert_int_equal(write_plan(&plan, &out, &err), STATUS_FAILURE);
	assert_string_equal(err, text);
	compare_with_file(out, strlen(out), "service.txt");
	free(out);
	free(err);
	/* what can be read from a saved profile again is */
	plan.fresh = false;
	assert_int_equal(write_plan(&plan, &out, &err), STATUS_FAILURE);
	assert_string_equal(err, text);
	assert_string_equal(out, "");
	free(out);
	free(err);
	free(text);
	output_plan_release(&plan);
}

/* --- others, as far as they get --- */

static void test_mistakes(void **state)
{
	static const struct {
		int (*command)(int argc, char **argv);
		const char *words;
		int status;
		const char *err;
	} cases[] = {
		{record_main, "", 2,
		 "unfreed: record traces a process: give its PID, --container, --cgroup, --comm or --match, or "
		 "-- and a command\n"},
		{record_main, "-o /no/such/a.json 1", 1,
		 "unfreed: cannot write /no/such/a.json: No such file or directory: choose a directory "
		 "that exists and that you may write to\n"},
		{why_main, "1 2", 2,
		 "unfreed: why asks about one process: \"2\" is one too many\n"},
		{why_main, "-o /no/such/a.json 1", 1,
		 "unfreed: cannot write /no/such/a.json: No such file or directory\n"},
		{heap_main, "--looks 2 1", 2, "unfreed: --looks needs -i SECS between them\n"},
		{monitor_main, "--report /tmp 1", 2,
		 "unfreed: --report needs the file of --history\n"},
		{monitor_main, "--report-now --history /no/such/h", 1,
		 "unfreed: cannot open /no/such/h: No such file or directory\n"},
		{monitor_main, "--history h --report /no/such 1", 1,
		 "unfreed: cannot write into /no/such: No such file or directory\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].command, cases[i].words, cases[i].status, NULL, cases[i].err);
}

static int begin(void **state)
{
	(void)state;
	tree_make("/tmp/unfreed-commands");
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_reports_are_added),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_diff_page),
		cmocka_unit_test(test_diff_that_fails),
		cmocka_unit_test(test_suppressions),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_outputs_of_a_recording),
		cmocka_unit_test(test_outputs_that_cannot_be),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests_name("commands", tests, begin, end);
}
