/* SPDX-License-Identifier: BSD-2-Clause */
#include "record_options.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "../lib/command_line.h"
#include "../plan/share.h"

#define MAX_BLOCKS_DEFAULT 1000000u
#define MAX_BLOCKS_LIMIT   (1u << 28)
#define MAX_STACKS_DEFAULT 65536u
#define MAX_STACKS_LIMIT   (1u << 24)
#define SECONDS_LIMIT      (10.0 * 365 * 86400)

enum {
	KEY_OLDER_THAN = 0x7000,
	KEY_PEAK,
	KEY_FOLLOW_FORKS,
	KEY_EXACT,
	KEY_BUDGET,
	KEY_GROWTH,
	KEY_REACHABILITY,
	KEY_FREEZE,
	KEY_MAX_MEMORY,
	KEY_MALLOC,
	KEY_PYTHON,
	KEY_NATIVE_INTERPRETER,
	KEY_ATTACH,
	KEY_SITES,
	KEY_MAX_BLOCKS,
	KEY_MAX_STACKS,
	KEY_WITH_ARGUMENTS,
};

static const struct argp_option options[] = {
	{"duration", 'd', "SECS", 0, "Stop after this time. Without it: at ^C or the targets' end",
	 0},
	{"interval", 'i', "SECS", 0, "Report this often as well", 0},
	{"older-than", KEY_OLDER_THAN, "SECS", 0,
	 "Count only blocks that are this old when the report is made (default 0: all)", 0},
	{"peak", KEY_PEAK, NULL, 0,
	 "Report what was held at the highest moment of the recording: large temporaries, where "
	 "the "
	 "others report what is left",
	 0},
	{"follow-forks", KEY_FOLLOW_FORKS, NULL, 0, "Trace children of the targets too", 2},
	{"exact", KEY_EXACT, NULL, 0,
	 "Record every call whatever it costs. Without it what would slow a process by more than " BUDGET_TEXT
	 " is recorded for moments, as with --budget " BUDGET_NUMBER
	 ", or, where options need each call and that is more than " SHARE_TEXT ", refused",
	 2},
	{"budget", KEY_BUDGET, "PCT", 0,
	 "Record malloc's calls in short windows alone, which take at most this share of the "
	 "targets' processor time, 0.1 to 50 percent; which sizes grow is read from the heap, and "
	 "the windows say which stacks they are of",
	 2},
	{"growth", KEY_GROWTH, NULL, 0,
	 "No probes on allocators: which stacks touched the memory that is new and still there, by "
	 "page faults. For runtimes with heaps of their own (Go, PHP, node, a JVM), for mmap, and "
	 "where every call of malloc is too much",
	 2},
	{"reachability", KEY_REACHABILITY, NULL, 0,
	 "Say with each report which of malloc's blocks are lost, as nothing refers to them, and "
	 "what "
	 "the others are reachable by: five looks at the memory of the targets, about two seconds "
	 "more than -d says",
	 2},
	{"freeze", KEY_FREEZE, NULL, 0,
	 "With --reachability: stop the targets for each look, and read registers. Their system "
	 "calls "
	 "that wait may fail with EINTR",
	 2},
	{"max-memory", KEY_MAX_MEMORY, "MB", 0,
	 "Memory that --reachability may use (default: 512, or a quarter of what is free)", 2},
	{"malloc", KEY_MALLOC, "auto|exact|off", 0,
	 "How to see what malloc and its family give: exact, each call; off, not at all, which "
	 "leaves "
	 "the objects of CPython; auto, the default, exact, but off for a CPython that it would "
	 "slow "
	 "by more than " SHARE_TEXT,
	 2},
	{"python", KEY_PYTHON, "auto|exact|pools|off", 0,
	 "How to see the objects of CPython: exact, each one, for which the allocator slots of "
	 "most "
	 "builds must be steered, the one thing that is ever written into a target; pools, "
	 "near-free, "
	 "by the pools that they lie in; auto, the default, exact where that needs no writing and "
	 "is "
	 "cheap, else pools; off",
	 2},
	{"native-interpreter", KEY_NATIVE_INTERPRETER, NULL, 0,
	 "Show the interpreter's own native frames beside the Python frames", 2},
	{"attach", KEY_ATTACH, "KIND", 0,
	 "Kind of probes: auto, session, multi, perf (default auto: the best that the kernel has)",
	 2},
	{"sites", KEY_SITES, "KIND", 0,
	 "Where malloc is probed: entry, at each call's entry and return; direct, at one place "
	 "inside of it that knows both size and result, where one is found on each way; auto, "
	 "the default, there once it was compared with entry and return, and is the same; both, "
	 "to compare all calls (-v says how many)",
	 2},
	{"max-blocks", KEY_MAX_BLOCKS, "N", 0,
	 "Room for this many live blocks (default 1000000; about 80 bytes of kernel memory each)",
	 2},
	{"with-arguments", KEY_WITH_ARGUMENTS, NULL, 0,
	 "Save the targets' command lines with their arguments, which may hold secrets", 2},
	{"max-stacks", KEY_MAX_STACKS, "N", 0, "Room for this many distinct stacks (default 65536)",
	 2},
	{0},
};

static error_t parse_seconds(const char *name, const char *text, uint64_t *ns)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !isfinite(seconds) || seconds < 0 || seconds > SECONDS_LIMIT) {
		message_error("%s needs a number of seconds, not \"%s\"", name, text);
		return EINVAL;
	}
	*ns = (uint64_t)(seconds * 1e9);
	return 0;
}

static error_t parse_positive_seconds(const char *name, const char *text, uint64_t *ns)
{
	error_t error = parse_seconds(name, text, ns);

	if (error || *ns)
		return error;
	message_error("%s needs more than 0 seconds", name);
	return EINVAL;
}

static error_t parse_count(const char *name, const char *text, uint32_t limit, uint32_t *count)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value == 0 || value > limit) {
		message_error("%s needs a number from 1 to %u, not \"%s\"", name, limit, text);
		return EINVAL;
	}
	*count = (uint32_t)value;
	return 0;
}

static error_t parse_budget(const char *text, double *percent)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0.1 && value <= 50)) {
		message_error("--budget needs a percentage from 0.1 to 50, not \"%s\"", text);
		return EINVAL;
	}
	*percent = value;
	return 0;
}

static error_t parse_attach(struct record_options *record, const char *text)
{
	for (int kind = ATTACH_AUTO; kind <= ATTACH_PERF; kind++) {
		if (strcmp(text, attach_kind_name(kind)))
			continue;
		record->config.how.attach = kind;
		return 0;
	}
	message_error("--attach takes auto, session, multi or perf, not \"%s\"", text);
	return EINVAL;
}

static error_t parse_sites(struct record_options *record, const char *text)
{
	for (enum sites_choice choice = SITES_AUTO; choice < SITES_CHOICES; choice++) {
		if (strcmp(text, sites_choice_name(choice)))
			continue;
		record->config.how.sites = choice;
		return 0;
	}
	message_error("--sites takes auto, direct, entry or both, not \"%s\"", text);
	return EINVAL;
}

static error_t parse_malloc(struct record_options *record, const char *text)
{
	int request = command_line_choose(text, malloc_request_names, MALLOC_REQUESTS);

	if (request >= 0) {
		record->config.how.malloc = request;
		return 0;
	}
	message_error("--malloc takes auto, exact or off, not \"%s\"", text);
	return EINVAL;
}

static error_t parse_python(struct record_options *record, const char *text)
{
	int request = command_line_choose(text, python_request_names, PYTHON_REQUESTS);

	if (request >= 0) {
		record->config.how.python = request;
		return 0;
	}
	message_error("--python takes auto, exact, pools or off, not \"%s\"", text);
	return EINVAL;
}

static error_t check(struct record_options *record)
{
	enum reason reason;
	char text[REASON_SIZE];

	record->config.how.old = record->config.older_than_ns > 0;
	reason = request_check(&record->config.how);
	if (reason == REASON_NONE)
		return 0;
	message_error("%s", reason_write(reason, NULL, text, sizeof(text)));
	return EINVAL;
}

/* Returns whether it is one. */
static bool parse_flag(struct record_options *record, int key)
{
	struct recording_config *config = &record->config;
	const struct {
		int key;
		bool *flag;
	} flags[] = {
		{KEY_PEAK, &config->how.peak},
		{KEY_FOLLOW_FORKS, &config->follow_forks},
		{KEY_EXACT, &config->how.exact},
		{KEY_GROWTH, &config->how.growth},
		{KEY_REACHABILITY, &config->how.reachability},
		{KEY_FREEZE, &config->how.freeze},
		{KEY_NATIVE_INTERPRETER, &config->native_interpreter},
		{KEY_WITH_ARGUMENTS, &record->with_arguments},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].key == key)
			return *flags[i].flag = true;
	return false;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct record_options *record = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &record->outputs;
		state->child_inputs[1] = &record->target;
		return 0;
	case 'd':
		return parse_positive_seconds("--duration", argument, &record->config.duration_ns);
	case 'i':
		return parse_positive_seconds("--interval", argument, &record->config.interval_ns);
	case KEY_OLDER_THAN:
		return parse_seconds("--older-than", argument, &record->config.older_than_ns);
	case KEY_BUDGET:
		return parse_budget(argument, &record->config.how.budget);
	case KEY_MAX_MEMORY:
		return argument_memory(argument, &record->config.max_memory_bytes);
	case KEY_MALLOC:
		return parse_malloc(record, argument);
	case KEY_PYTHON:
		return parse_python(record, argument);
	case KEY_ATTACH:
		return parse_attach(record, argument);
	case KEY_SITES:
		return parse_sites(record, argument);
	case KEY_MAX_BLOCKS:
		return parse_count("--max-blocks", argument, MAX_BLOCKS_LIMIT,
				   &record->config.max_blocks);
	case KEY_MAX_STACKS:
		return parse_count("--max-stacks", argument, MAX_STACKS_LIMIT,
				   &record->config.max_stacks);
	case ARGP_KEY_END:
		return check(record);
	default:
		return parse_flag(record, key) ? 0 : ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&output_options_argp, 0, NULL, 0},
	{&target_options_many, 0, NULL, 0},
	{&message_options, 0, NULL, 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "[-p] PID[,PID...]\n-- COMMAND [ARG...]",
	.doc = "Traces processes, or a command from its first allocation, and reports the stacks "
	       "whose "
	       "memory was not freed.\v"
	       "Exit status: 0 done, 1 a failure while running, 2 usage, 3 the target (no such "
	       "process, "
	       "refused), 4 the kernel or the permissions.",
	.children = children,
};

int record_options_parse(int argc, char **argv, struct record_options *record)
{
	*record = (struct record_options){
		.target = {.verb = "record traces", .many = true, .may_start = true},
		.config = {.max_blocks = MAX_BLOCKS_DEFAULT, .max_stacks = MAX_STACKS_DEFAULT},
	};
	output_plan_init(&record->outputs);
	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, record);
}

void record_options_release(struct record_options *record)
{
	target_choice_release(&record->target);
	output_plan_release(&record->outputs);
}
