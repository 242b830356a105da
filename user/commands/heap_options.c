/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap_options.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

#include "../lib/message.h"
#include "../lib/path.h"

enum {
	KEY_LOOKS = 0x7000,
	KEY_DIFF,
	KEY_TOP,
	KEY_WATCH,
	KEY_FOLLOW_FORKS,
	KEY_HOLDERS,
	KEY_LOST,
	KEY_FREEZE,
	KEY_CORE,
	KEY_ROOT,
	LOOKS_MAX = 1000,
	TOP_MAX = 10000,
	TOP_DEFAULT = 10,
	LOST_LOOKS = 5,
};

static const struct argp_option options[] = {
	{"core", KEY_CORE, "FILE", 0,
	 "Look into a core file (of gcore PID, or the kernel's) instead", 0},
	{"root", KEY_ROOT, "DIR", 0, "With --core: where the files are that it names", 0},
	{"interval", 'i', "SECS", 0, "Look again after so long, and say what grew", 0},
	{"looks", KEY_LOOKS, "N", 0, "How often to look with -i (default 6)", 0},
	{"diff", KEY_DIFF, "FILE", 0,
	 "Say what grew since a look that was saved as JSON, or since a core file", 0},
	{"watch", KEY_WATCH, "NAME|TYPE|ADDRESS|SYMBOL", 0,
	 "Say which lines fill a container, make instances of a class, or write a variable", 0},
	{"duration", 'd', "SECS", 0, "Watch for so long (default 20), or until that is known", 0},
	{"follow-forks", KEY_FOLLOW_FORKS, NULL, 0,
	 "With --watch: also in its forked workers, those to come too", 0},
	{"lost", KEY_LOST, NULL, 0,
	 "Say which blocks of malloc nothing refers to: five looks a second apart, or as -i says",
	 0},
	{"freeze", KEY_FREEZE, NULL, 0,
	 "With --lost: stop the process for each look, and read registers. Its system calls that "
	 "wait may fail with EINTR",
	 0},
	{"holders", KEY_HOLDERS, "WHAT", 0,
	 "Say who holds the objects of a type, or the one that has a name or an address (0x...)",
	 0},
	{"output", 'o', "FILE", 0,
	 "Write there: text, or what the name ends in: .json; with --holders .dot, .svg", 1},
	{"format", 'f', "FORMAT", 0, "text, json, dot or svg (by graphviz's dot)", 1},
	{"top", KEY_TOP, "N", 0, "Rows of each table (default 10)", 1},
	{0},
};

static const struct heap_format formats[] = {
	{"text", ".txt", heap_text, false},
	{"json", ".json", heap_json, false},
	{"dot", ".dot", heap_dot, true},
	{"svg", ".svg", heap_svg, true},
};

enum { FORMATS = sizeof(formats) / sizeof(*formats) };

static error_t parse_format(struct heap_options *heap, const char *text)
{
	for (size_t i = 0; i < FORMATS; i++) {
		if (!strcmp(text, formats[i].name)) {
			heap->format = &formats[i];
			return 0;
		}
	}
	message_error("-f takes text, json, dot or svg, not \"%s\"", text);
	return EINVAL;
}

static const struct heap_format *format_of_path(const char *path)
{
	for (size_t i = 0; i < FORMATS; i++) {
		if (path_ends_in(path, formats[i].suffix))
			return &formats[i];
	}
	return &formats[0];
}

static bool names_process(const struct target_choice *target)
{
	return target->pid_count || target->selection.name;
}

/* What needs a process that lives. */
static error_t check_core(const struct heap_options *heap)
{
	const char *refused = names_process(&heap->target) ? "a process"
			      : heap->interval_s           ? "-i"
			      : heap->looks                ? "--looks"
			      : heap->watch                ? "--watch"
			      : heap->watch_s              ? "-d"
			      : heap->freeze               ? "--freeze"
							   : NULL;

	if (!refused)
		return 0;
	message_error("--core looks into a file, which does not change: it does not go with %s",
		      refused);
	return EINVAL;
}

static error_t check(struct heap_options *heap)
{
	if (!heap->format)
		heap->format = format_of_path(heap->output ? heap->output : "-");
	if (heap->format->of_holders && !heap->holders) {
		message_error("%s shows who holds what: it needs --holders WHAT",
			      heap->format->name);
		return EINVAL;
	}
	if (heap->root && !heap->core) {
		message_error("--root is where the files of a core are: it needs --core FILE");
		return EINVAL;
	}
	if (heap->core)
		return check_core(heap);
	if (heap->watch_s && !heap->watch) {
		message_error("-d is how long --watch takes: say what to watch");
		return EINVAL;
	}
	if (heap->follow_forks && !heap->watch) {
		message_error("--follow-forks is about --watch: say what to watch");
		return EINVAL;
	}
	if (heap->watch && heap->holders) {
		message_error("--watch and --holders are two questions: ask one at a time");
		return EINVAL;
	}
	if (heap->lost && heap->looks == 1) {
		message_error("--lost needs two looks at least: say --looks 2 or more");
		return EINVAL;
	}
	if (heap->freeze && !heap->lost) {
		message_error("--freeze stops the process for --lost: give that too");
		return EINVAL;
	}
	if (heap->looks && !heap->interval_s) {
		message_error("--looks needs -i SECS between them");
		return EINVAL;
	}
	return 0;
}

/* What takes time to be lost takes several looks to be seen. */
static error_t complete(struct heap_options *heap)
{
	if (heap->lost && !heap->interval_s && !heap->core) {
		heap->interval_s = 1;
		heap->looks = heap->looks ? heap->looks : LOST_LOOKS;
	}
	return check(heap);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct heap_options *heap = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &heap->target;
		state->child_inputs[1] = &heap->look;
		return 0;
	case KEY_CORE:
		heap->core = argument;
		heap->target.may_be_none = true;
		return 0;
	case KEY_ROOT:
		heap->root = argument;
		return 0;
	case 'i':
		return argument_number("--interval", argument, 0.001, 86400, &heap->interval_s);
	case KEY_LOOKS:
		return argument_count("--looks", argument, LOOKS_MAX, &heap->looks);
	case KEY_TOP:
		return argument_count("--top", argument, TOP_MAX, &heap->top);
	case KEY_DIFF:
		heap->diff = argument;
		return 0;
	case KEY_WATCH:
		heap->watch = argument;
		return 0;
	case 'd':
		return argument_number("--duration", argument, 0.1, 86400, &heap->watch_s);
	case 'o':
		if (heap->output) {
			message_error("heap writes one file: give -o once");
			return EINVAL;
		}
		heap->output = argument;
		return 0;
	case 'f':
		return parse_format(heap, argument);
	case KEY_LOST:
		heap->lost = true;
		return 0;
	case KEY_FREEZE:
		heap->freeze = true;
		return 0;
	case KEY_FOLLOW_FORKS:
		heap->follow_forks = true;
		return 0;
	case KEY_HOLDERS:
		heap->holders = argument;
		return 0;
	case ARGP_KEY_END:
		return complete(heap);
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
	.args_doc = "[-p] PID\n--core FILE",
	.doc = "Says what is in the memory of a running process: where it is, objects by type, "
	       "containers by name. The process is not stopped and nothing is written into it.\v"
	       "Exit status: 0 done, 1 a failure while running, 2 usage, 3 the target (no such "
	       "process), 4 the permissions.",
};

int heap_options_parse(int argc, char **argv, struct heap_options *heap)
{
	*heap = (struct heap_options){.target = {.verb = "heap looks at"}, .top = TOP_DEFAULT};
	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, heap);
}
