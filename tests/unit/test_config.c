/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of options: which lines are taken, and which are refused by which sentence. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/config.h"

static const struct argp_option own[] = {
	{"budget", 'b', "PCT", 0, "", 0},
	{"verbose", 'v', NULL, 0, "", 0},
	{NULL, 0, NULL, 0, "a heading", 0},
	{"late", 1000, "X", 0, "", 0},
	{0},
};
static const struct argp_option others[] = {{"comm", 'c', "NAME", 0, "", 0}, {0}};
static const struct argp other = {.options = others};
static const struct argp_child children[] = {{.argp = &other}, {0}};
static const struct argp parser = {.options = own, .children = children};

static char directory[] = "/tmp/unfreed-config-XXXXXX";
static char path[64];

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/config", directory);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static int read_text(const char *text, struct config *config, struct failure *failure)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
	int error = config_read(path, &parser, "history version", config, failure);
	if (error && strstr(failure->text, "cannot read options from a file without")) {
		print_message("skipped: libinih is not installed\n");
		skip();
	}
	return error;
}

static void check_entry(const struct config_entry *entry, const char *key, const char *argument,
			int line)
{
	assert_string_equal(entry->key, key);
	if (argument)
		assert_string_equal(entry->argument, argument);
	else
		assert_null(entry->argument);
	assert_int_equal(entry->line, line);
}

static void test_lines(void **state)
{
	struct config config;
	struct failure failure;

	(void)state;
	assert_int_equal(read_text("# of ours\n[monitor]\nbudget = 0.5\n\n; as it was\ncomm=a b\n"
				   "verbose = Yes\nlate = 1",
				   &config, &failure),
			 0);
	assert_string_equal(failure.text, "");
	assert_ptr_equal(config.path, path);
	assert_int_equal(config.count, 4);
	check_entry(&config.entries[0], "budget", "--budget=0.5", 3);
	check_entry(&config.entries[1], "comm", "--comm=a b", 6); /* of another parser */
	check_entry(&config.entries[2], "verbose", "--verbose", 7);
	check_entry(&config.entries[3], "late", "--late=1",
		    8); /* below a heading, and no newline */
	config_release(&config);
	assert_int_equal(config.count, 0);
	assert_int_equal(read_text("", &config, &failure), 0);
	assert_int_equal(config.count, 0);
}

static void test_flags(void **state)
{
	static const struct {
		const char *word;
		bool on;
	} cases[] = {{"yes", true}, {"no", false},  {"TRUE", true}, {"false", false},
		     {"on", true},  {"oFF", false}, {"1", true},    {"0", false}};
	struct config config;
	struct failure failure;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "verbose = %s\n", cases[i].word);
		assert_int_equal(read_text(text, &config, &failure), 0);
		assert_int_equal(config.count, 1);
		check_entry(&config.entries[0], "verbose", cases[i].on ? "--verbose" : NULL, 1);
		config_release(&config);
	}
}

static void check_refused(const char *text, const char *sentence)
{
	struct config config;
	struct failure failure;
	char expected[400];

	snprintf(expected, sizeof(expected), "%s, %s", path, sentence);
	assert_int_equal(read_text(text, &config, &failure), -1);
	assert_string_equal(failure.text, expected);
	assert_int_equal(failure.status, STATUS_USAGE);
	config_release(&config);
}

static void test_what_is_refused(void **state)
{
	char *many = calloc(1, 400), *line = many;

	(void)state;
	check_refused("[other]\nbudget = 1\n", "line 2: there is no section \"other\"");
	check_refused("\nbudgets = 1\n", "line 2: there is no option \"budgets\"");
	check_refused("history = x\n", "line 1: there is no option \"history\"");
	check_refused("budget = 1\ncomm = x\nbudget = 2\n",
		      "line 3: it gives once more \"budget\"");
	check_refused("verbose = maybe\n", "line 1: yes or no is what it may be, not \"maybe\"");
	check_refused("comm = x\nbudget\n", "line 2: it is neither a comment nor KEY = VALUE");
	/* the first line that is wrong is told, whatever is wrong with it */
	check_refused("budget\nnothing = 1\n", "line 1: it is neither a comment nor KEY = VALUE");
	check_refused("nothing = 1\nbudget\n", "line 1: there is no option \"nothing\"");
	line += sprintf(line, "comm = x\nbudget = ");
	memset(line, '5', 300);
	strcpy(line + 300, "\n");
	check_refused(many, "line 2: it is longer than it may be");
	free(many);
}

static void check_file_refused(const char *sentence)
{
	struct config config;
	struct failure failure;
	char expected[400];

	snprintf(expected, sizeof(expected), sentence, path);
	assert_int_equal(config_read(path, &parser, "", &config, &failure), -1);
	assert_string_equal(failure.text, expected);
	assert_int_equal(failure.status, STATUS_FAILURE);
	assert_int_equal(config.count, 0);
	config_release(&config);
}

static void test_files_that_are_refused(void **state)
{
	struct config config;
	struct failure failure;

	(void)state;
	assert_int_equal(read_text("budget = 1\n", &config, &failure), 0);
	config_release(&config);
	chmod(path, 0622);
	check_file_refused("others can change %s: chown it and chmod go-w make it safe");
	chmod(path, 0600);
	assert_int_equal(truncate(path, CONFIG_BYTES_MAX + 1), 0);
	check_file_refused("%s is no file of options");
	unlink(path);
	check_file_refused("cannot read %s: No such file or directory");
	assert_int_equal(mkfifo(path, 0600), 0);
	check_file_refused("%s is no file of options"); /* and it is not waited for */
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_files_that_are_refused),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
