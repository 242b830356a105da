/* SPDX-License-Identifier: BSD-2-Clause */
#include "target_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/message.h"

enum { KEY_CONTAINER = 0x7200, KEY_CGROUP, KEY_COMM, KEY_MATCH, PID_MAX = 1 << 22 };

/* clang-format off */
#define SELECTIONS                                                                                 \
	{"container", KEY_CONTAINER, "ID", 0,                                                      \
	 "What runs in this container: its ID, or how that begins", 0},                            \
	{"cgroup", KEY_CGROUP, "PATH", 0,                                                          \
	 "What runs in this cgroup and in those below it: a path below /sys/fs/cgroup", 0},        \
	{"comm", KEY_COMM, "NAME", 0, "What is named so, as ps -o comm has it", 0},                \
	{"match", KEY_MATCH, "REGEX", 0,                                                           \
	 "What has this in its command line, an extended regular expression, as pgrep -f", 0},     \
	{0}
/* clang-format on */

static const struct argp_option options_one[] = {
	{"pid", 'p', "PID", 0, "The process; the same as a plain argument", 0},
	SELECTIONS,
};

static const struct argp_option options_many[] = {
	{"pid", 'p', "PID[,PID...]", 0, "The processes; the same as a plain argument. Repeatable",
	 0},
	SELECTIONS,
};

static error_t add_pid(struct target_choice *choice, const char *text, size_t length)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text < '0' || *text > '9' || end != text + length || value <= 0) {
		message_error("-p needs a process number, not \"%.*s\"", (int)length, text);
		return EINVAL;
	}
	if (value > PID_MAX) {
		message_error("no process has a number above %d: \"%.*s\"", PID_MAX, (int)length,
			      text);
		return EINVAL;
	}
	if (choice->pid_count && !choice->many) {
		message_error("%s one process: \"%.*s\" is one too many", choice->verb, (int)length,
			      text);
		return EINVAL;
	}
	return array_append(&choice->pids, &choice->pid_count, (pid_t)value) ? 0 : ENOMEM;
}

static error_t add_pids(struct target_choice *choice, const char *text)
{
	for (;;) {
		size_t length = choice->many ? strcspn(text, ",") : strlen(text);
		error_t error = add_pid(choice, text, length);

		if (error || !text[length])
			return error;
		text += length + 1;
	}
}

/* Every ID begins with "", and every cgroup is below it: a variable of a script that is not set. */
static bool is_empty(enum selection_kind kind, const char *name)
{
	static const char *const needs[] = {
		[SELECT_CONTAINER] = "--container needs an ID",
		[SELECT_CGROUP] = "--cgroup needs a path below /sys/fs/cgroup",
		[SELECT_COMM] = "--comm needs a name",
		[SELECT_MATCH] = "--match needs a regular expression",
	};

	if (!*name)
		message_error("%s, not \"\"", needs[kind]);
	return !*name;
}

static error_t select_by(struct target_choice *choice, enum selection_kind kind, const char *name)
{
	struct failure failure;

	if (is_empty(kind, name))
		return EINVAL;
	if (choice->selection.name) {
		message_error("--container, --cgroup, --comm and --match: give one of them, once");
		return EINVAL;
	}
	choice->selection = (struct selection){kind, name};
	if (selection_check(&choice->selection, &failure)) {
		message_error("%s", failure.text);
		return EINVAL;
	}
	return 0;
}

/* What stands behind -- is a command; else an argument is a process. */
static error_t take_argument(struct target_choice *choice, char *argument, struct argp_state *state)
{
	if (state->quoted && choice->may_start) {
		choice->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	}
	if (choice->may_start && (*argument < '0' || *argument > '9')) {
		message_error("put -- in front of the command to start: \"%s\" is no process "
			      "number",
			      argument);
		return EINVAL;
	}
	return add_pids(choice, argument);
}

static error_t check(const struct target_choice *choice)
{
	int ways = (choice->pid_count > 0) + (choice->selection.name != NULL) +
		   (choice->command != NULL);

	if (ways > 1) {
		message_error(
			"give a PID, %s --container, --cgroup, --comm or --match: one of these",
			choice->may_start ? "a command behind --," : "or");
		return EINVAL;
	}
	if (!ways && !choice->may_be_none) {
		message_error(
			"%s a process: give its PID, --container, --cgroup, --comm or --match%s",
			choice->verb, choice->may_start ? ", or -- and a command" : "");
		return EINVAL;
	}
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct target_choice *choice = state->input;

	switch (key) {
	case 'p':
		return add_pids(choice, argument);
	case KEY_CONTAINER:
		return select_by(choice, SELECT_CONTAINER, argument);
	case KEY_CGROUP:
		return select_by(choice, SELECT_CGROUP, argument);
	case KEY_COMM:
		return select_by(choice, SELECT_COMM, argument);
	case KEY_MATCH:
		return select_by(choice, SELECT_MATCH, argument);
	case ARGP_KEY_ARG:
		return take_argument(choice, argument, state);
	case ARGP_KEY_END:
		return check(choice);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp target_options_one = {.options = options_one, .parser = parse_option};
const struct argp target_options_many = {.options = options_many, .parser = parse_option};

static int list_selected(struct target_choice *choice, const struct procfs *procfs,
			 struct failure *failure)
{
	struct selected *items;
	size_t count;
	bool room = true;

	if (selection_list(procfs, &choice->selection, &items, &count, failure))
		return -1;
	for (size_t i = 0; i < count && room; i++)
		room = array_append(&choice->pids, &choice->pid_count, items[i].pid);
	free(items);
	return room ? 0 : failure_set(failure, STATUS_FAILURE, "out of memory");
}

int target_choice_resolve(struct target_choice *choice, const struct procfs *procfs,
			  struct failure *failure)
{
	pid_t pid;

	if (!choice->selection.name)
		return 0;
	if (choice->many)
		return list_selected(choice, procfs, failure);
	if (selection_choose(procfs, &choice->selection, choice->workers, choice->verb, &pid,
			     failure))
		return -1;
	if (!array_append(&choice->pids, &choice->pid_count, pid))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	return 0;
}

pid_t target_choice_pid(const struct target_choice *choice)
{
	return choice->pid_count ? choice->pids[0] : 0;
}

void target_choice_release(struct target_choice *choice)
{
	free(choice->pids);
	choice->pids = NULL;
	choice->pid_count = 0;
}
