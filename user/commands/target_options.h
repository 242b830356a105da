/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the command line says which process is meant, the same for all commands: a PID as an argument
 * or behind -p, or what selection.h finds; where the command starts one, also a command behind
 * `--`. A child of each command's parser:
 *
 *	state->child_inputs[0] = &choice;                           at ARGP_KEY_INIT
 *	{&target_options_one, 0, NULL, 0}                           as its argp_child
 *	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &…)      so that `--` is seen
 */
#ifndef UNFREED_COMMANDS_TARGET_OPTIONS_H
#define UNFREED_COMMANDS_TARGET_OPTIONS_H

#include <argp.h>

#include "../process/selection.h"

struct target_choice {
	/* What the command is; set by it, before it parses. */
	const char *verb; /* what it does to one process: "heap looks at" */
	bool many;        /* takes several processes */
	bool workers;     /* takes a master for its workers */
	bool may_start;   /* takes a command */
	bool may_be_none; /* takes no process as well */
	/* What was asked for: one of these. */
	pid_t *pids; /* malloc'd */
	size_t pid_count;
	struct selection selection; /* its name NULL: none */
	char **command;             /* in argv; NULL: none */
};

/* With -p PID, and with -p PID[,PID…], repeatable. */
extern const struct argp target_options_one, target_options_many;

/*
 * Looks for what was selected: `pids` are then these. Nothing to do where there are numbers or a
 * command. Returns 0, or -1 with `failure` filled.
 */
int target_choice_resolve(struct target_choice *choice, const struct procfs *procfs,
			  struct failure *failure);

/* The one that was resolved; 0: none. */
pid_t target_choice_pid(const struct target_choice *choice);

void target_choice_release(struct target_choice *choice);

#endif
