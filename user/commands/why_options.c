/* SPDX-License-Identifier: BSD-2-Clause */
#include "why_options.h"

#include <argp.h>

#define DURATION_S     120
#define DURATION_MAX_S (7.0 * 86400)

enum { KEY_FAIL_ABOVE = 0x7100, KEY_TOP, TOP_MAX = 1000 };

static const struct argp_option options[] = {
	{"duration", 'd', "SECS", 0, "Ask for so long (default 120)", 0},
	{"output", 'o', "FILE", 0,
	 "Write there: text, JSON where the name ends in .json, a page where in .html. Repeatable",
	 1},
	{"top", KEY_TOP, "N", 0,
	 "So many findings in full as text, as many more by name (default 6)", 1},
	{"fail-above", KEY_FAIL_ABOVE, "RATE", 0,
	 "Exit with status 1 where it surely grows faster, as in 1MB/h", 1},
	{0},
};

static error_t add_output(struct why_options *why, const char *path)
{
	error_t error = argument_once_more("-o", why->output_count, WHY_OUTPUTS_MAX);

	if (error)
		return error;
	why->outputs[why->output_count++] = path;
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct why_options *why = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &why->target;
		state->child_inputs[1] = &why->look;
		return 0;
	case 'd':
		return argument_number("--duration", argument, 1, DURATION_MAX_S, &why->duration_s);
	case 'o':
		return add_output(why, argument);
	case KEY_TOP:
		return argument_count("--top", argument, TOP_MAX, &why->top);
	case KEY_FAIL_ABOVE:
		return argument_rate("--fail-above", argument, &why->fail_above_bytes);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&target_options_one, 0, NULL, 0},
	{&look_options_argp, 0, NULL, 0},
	{&message_options, 0, NULL, 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.args_doc = "[-p] PID\n-- COMMAND [ARG...]",
	.doc = "Says why a process grows: what grows in it, what holds it, which line fills it, "
	       "and "
	       "whether that is a leak. A master that forks workers stands for these. The process "
	       "is not stopped and nothing is written into it.\v"
	       "Exit status: 0 done, 1 a failure while running or growth above --fail-above, 2 "
	       "usage, 3 the target (no such process), 4 the kernel or the permissions.",
};

int why_options_parse(int argc, char **argv, struct why_options *why)
{
	*why = (struct why_options){
		.target = {.verb = "why asks about", .workers = true, .may_start = true},
		.duration_s = DURATION_S,
		.fail_above_bytes = -1,
	};
	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, why);
}
