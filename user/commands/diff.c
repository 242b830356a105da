// SPDX-License-Identifier: BSD-2-Clause
/* `unfreed diff`: parse, read two files, compare them, write what changed. */
#include "diff.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../analyze/suppressions.h"
#include "../lib/load.h"
#include "../lib/message.h"
#include "../lib/path.h"
#include "../lib/quantity.h"
#include "../output/difference.h"
#include "../output/difference_label.h"
#include "../output/file.h"
#include "arguments.h"
#include "diff_files.h"

enum { KEY_TOP = 0x7500, KEY_FAIL_ABOVE, KEY_SUPPRESSIONS, TOP_MAX = 100000, OUTPUTS_MAX = 16 };

struct format {
	const char *name;
	const char *ending;
	difference_output_fn *print;
	bool of_stacks; /* of two profiles alone */
};

static const struct format formats[] = {
	{"text", ".txt", difference_text, false},
	{"folded", ".folded", difference_folded, true},
	{"html", ".html", difference_html, false},
	{"json", ".json", difference_json, false},
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

struct request {
	const char *path;
	const struct format *format;
};

struct diff_options {
	const char *before, *after;
	struct request outputs[OUTPUTS_MAX];
	size_t output_count;
	const struct format *format; /* -f; NULL where it was not given */
	long top;
	double fail_above_bytes;  /* an hour; negative: never */
	const char *suppressions; /* file; NULL: none */
};

static const struct argp_option options[] = {
	{"output", 'o', "FILE", 0,
	 "Write FILE, its format by its ending: .txt .folded .html .json; - is stdout. Repeatable. "
	 "Without it: text on stdout",
	 1},
	{"format", 'f', "FORMAT", 0,
	 "Format of stdout and of files without a known ending: text, folded, html, json", 1},
	{"top", KEY_TOP, "N", 0,
	 "So many entries of each list of the text and the page (default 20)", 1},
	{"fail-above", KEY_FAIL_ABOVE, "RATE", 0,
	 "Exit with status 1 where the whole, or anything in it, surely grows faster than before by "
	 "more than that, as in 1MB/h",
	 1},
	{"suppressions", KEY_SUPPRESSIONS, "FILE", 0,
	 "Leave out, and count, what the patterns in FILE match, as LeakSanitizer has them: lines "
	 "leak:PATTERN, of functions, files and modules",
	 1},
	{0},
};

static error_t parse_format(struct diff_options *diff, const char *name)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++)
		if (!strcmp(name, formats[i].name)) {
			diff->format = &formats[i];
			return 0;
		}
	message_error("no format is called \"%s\": use one of text, folded, html, json", name);
	return EINVAL;
}

static const struct format *format_by_path(const char *path)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (path_ends_in(path, formats[i].ending))
			return &formats[i];
	}
	return NULL;
}

static error_t add_output(struct diff_options *diff, const char *path)
{
	if (diff->output_count == OUTPUTS_MAX) {
		message_error("-o can be given %d times", OUTPUTS_MAX);
		return EINVAL;
	}
	diff->outputs[diff->output_count++] = (struct request){path, format_by_path(path)};
	return 0;
}

static error_t take_files(struct diff_options *diff, const struct argp_state *state)
{
	if (state->argc - state->next != 2) {
		message_error("diff needs two files: one from before, one from after");
		return EINVAL;
	}
	diff->before = state->argv[state->next];
	diff->after = state->argv[state->next + 1];
	return 0;
}

static void choose_formats(struct diff_options *diff)
{
	if (!diff->output_count)
		diff->outputs[diff->output_count++] = (struct request){"-", NULL};
	for (size_t i = 0; i < diff->output_count; i++)
		if (!diff->outputs[i].format)
			diff->outputs[i].format = diff->format ? diff->format : &formats[0];
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct diff_options *diff = state->input;

	switch (key) {
	case 'o':
		return add_output(diff, argument);
	case 'f':
		return parse_format(diff, argument);
	case KEY_TOP:
		return argument_count("--top", argument, TOP_MAX, &diff->top);
	case KEY_FAIL_ABOVE:
		return argument_rate("--fail-above", argument, &diff->fail_above_bytes);
	case KEY_SUPPRESSIONS:
		diff->suppressions = argument;
		return 0;
	case ARGP_KEY_ARGS:
	case ARGP_KEY_NO_ARGS:
		return take_files(diff, state);
	case ARGP_KEY_SUCCESS:
		choose_formats(diff);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&message_options, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.args_doc = "BEFORE AFTER",
	.doc = "Says what grew, shrank, came and went between two saved files: two profiles of "
	       "record (.pb.gz, .json), two looks of heap or two answers of why (.json). Stacks "
	       "are told by names, so that two builds and two hosts compare.\v"
	       "Needs no root. Exit status: 0 done, 1 growth above --fail-above, or a failure while "
	       "running, 2 usage, or a file that cannot be compared.",
};

struct writing {
	const struct difference *difference;
	struct difference_options options;
	difference_output_fn *print;
};

static int print_difference(const void *context, FILE *file)
{
	const struct writing *writing = context;

	return writing->print(writing->difference, &writing->options, file);
}

static enum exit_status write_all(const struct diff_options *diff,
				  const struct difference *difference)
{
	enum exit_status status = STATUS_OK;

	for (size_t i = 0; i < diff->output_count; i++) {
		const struct writing writing = {
			difference, {.top = (size_t)diff->top}, diff->outputs[i].format->print};
		int error = file_write(diff->outputs[i].path, print_difference, &writing);

		if (!error)
			continue;
		message_error("cannot write %s: %s",
			      strcmp(diff->outputs[i].path, "-") ? diff->outputs[i].path
								 : "to stdout",
			      strerror(-error));
		status = STATUS_FAILURE;
	}
	return status;
}

/* What a test must not take for a yes. */
static bool tells_rates(const struct difference *difference)
{
	static const char *const reasons[] = {
		[DIFFERENCE_PROFILES] = "a profile of less than five seconds, or of the highest "
					"moment, has no rates",
		[DIFFERENCE_LOOKS] = "two looks have a rate where they are of one process, the "
				     "later one second",
		[DIFFERENCE_ANSWERS] = "one of the answers is that it is too early to tell",
	};

	if (difference_is_rated(difference))
		return true;
	message_error("cannot tell whether it grows faster than --fail-above allows: %s",
		      reasons[difference->kind]);
	return false;
}

static void tell_growth(const struct difference *difference, const struct difference_entry *entry)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return;
	difference_print_subject(file, difference, entry);
	fputs(" grows faster than --fail-above allows, by ", file);
	quantity_print_rate(file, entry->rate.value);
	fputs(difference->kind == DIFFERENCE_LOOKS ? " MB/h" : " MB/h more than before", file);
	if (!fclose(file))
		message_error("%s", text);
	free(text);
}

static enum exit_status judge(const struct diff_options *diff, const struct difference *difference)
{
	if (diff->fail_above_bytes < 0)
		return STATUS_OK;
	if (!tells_rates(difference))
		return STATUS_FAILURE;
	const struct difference_entry *fastest =
		difference_above(difference, diff->fail_above_bytes);

	if (!fastest)
		return STATUS_OK;
	tell_growth(difference, fastest);
	return STATUS_FAILURE;
}

static bool are_possible(const struct diff_options *diff, const struct difference *difference)
{
	for (size_t i = 0; i < diff->output_count; i++) {
		const struct request *request = &diff->outputs[i];

		if (!request->format->of_stacks || difference->kind == DIFFERENCE_PROFILES)
			continue;
		message_error("%s needs two profiles of record: looks and answers have no stacks "
			      "to fold",
			      request->format->name);
		return false;
	}
	return true;
}

/* False after a sentence. */
static bool suppress(const char *path, struct difference *difference)
{
	struct suppressions *suppressions = NULL;
	char problem[200], *text;
	size_t size;
	int error = load_file(path, SUPPRESSIONS_BYTES_MAX, &text, &size);

	if (error)
		message_error("cannot read %s: %s", path, strerror(-error));
	else if (!(suppressions = suppressions_read(text, size, problem, sizeof(problem))))
		message_error("%s %s", path, problem);
	else
		difference_suppress(difference, suppressions);
	suppressions_free(suppressions);
	free(text);
	return suppressions;
}

/* What is written, and the status that follows from what changed. */
static enum exit_status run(const struct diff_options *diff, struct difference *difference)
{
	enum exit_status status;

	if (!are_possible(diff, difference) ||
	    (diff->suppressions && !suppress(diff->suppressions, difference)))
		return STATUS_USAGE;
	status = write_all(diff, difference);
	enum exit_status judged = judge(diff, difference);

	return status ? status : judged;
}

int diff_main(int argc, char **argv)
{
	struct diff_options diff = {.fail_above_bytes = -1};
	enum exit_status status = STATUS_USAGE;

	if (argp_parse(&argp, argc, argv, 0, NULL, &diff))
		return STATUS_USAGE;
	struct difference *difference = diff_files(diff.before, diff.after);

	if (difference)
		status = run(&diff, difference);
	difference_free(difference);
	return status;
}
