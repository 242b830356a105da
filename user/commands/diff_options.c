/* SPDX-License-Identifier: BSD-2-Clause */
#include "diff_options.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

#include "../lib/message.h"
#include "../lib/path.h"
#include "arguments.h"

enum { KEY_TOP = 0x7500, KEY_FAIL_ABOVE, KEY_SUPPRESSIONS, TOP_MAX = 100000 };

static const struct diff_format formats[] = {
	{"text", ".txt", difference_text, false},
	{"folded", ".folded", difference_folded, true},
	{"html", ".html", difference_html, false},
	{"json", ".json", difference_json, false},
};

#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

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

static const struct diff_format *format_by_path(const char *path)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++) {
		if (path_ends_in(path, formats[i].ending))
			return &formats[i];
	}
	return NULL;
}

static error_t add_output(struct diff_options *diff, const char *path)
{
	error_t error = argument_once_more("-o", diff->output_count, DIFF_OUTPUTS_MAX);

	if (error)
		return error;
	diff->outputs[diff->output_count++] = (struct diff_request){path, format_by_path(path)};
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
		diff->outputs[diff->output_count++] = (struct diff_request){"-", NULL};
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

int diff_options_parse(int argc, char **argv, struct diff_options *diff)
{
	*diff = (struct diff_options){.fail_above_bytes = -1};
	return argp_parse(&argp, argc, argv, 0, NULL, diff);
}
