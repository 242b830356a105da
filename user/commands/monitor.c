/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed monitor`: parse, listen, watch until told to end. */
#include "monitor.h"

#include <argp.h>

#include "../lib/message.h"
#include "../service/monitor/http.h"
#include "../service/monitor/monitor.h"
#include "arguments.h"
#include "target_options.h"
#include "tell.h"

#define ADDRESS    "127.0.0.1:9873"
#define INTERVAL_S 10.0

enum { KEY_LISTEN = 0x7100 };

struct monitor_command {
	struct target_choice target;
	const char *address;
	double interval_s;
};

static const struct argp_option options[] = {
	{"interval", 'i', "SECONDS", 0, "Read all processes so often (default: 10)", 1},
	{"listen", KEY_LISTEN, "ADDRESS:PORT", 0,
	 "Answer there, in numbers; port 0 is any (default: " ADDRESS ")", 1},
	{0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct monitor_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->target;
		return 0;
	case 'i':
		return argument_number("--interval", argument, 0.1, 3600, &command->interval_s);
	case KEY_LISTEN:
		command->address = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&target_options_many, 0, NULL, 0},
	{&message_options, 0, NULL, 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.args_doc = "[-p] PID...",
	.doc = "Watches the memory of services for as long as it runs: their processes as they come "
	       "and go, their cgroups, and what /metrics says of them to Prometheus or whoever asks. A "
	       "master that forks workers stands for these. Nothing is written into any "
	       "process.\v"
	       "SIGTERM or SIGINT ends it; SIGHUP has it look for processes at once. Exit status: 0 "
	       "ended so, or all processes that were named by number have ended, 1 a failure while "
	       "running, 2 usage, 3 the target (no such process).",
};

static enum exit_status watch(const struct monitor_command *command)
{
	const struct procfs procfs = {.root = "/proc"};
	char shown[HTTP_ADDRESS_BYTES];
	struct failure failure = {0};
	const struct monitor_options monitor_options = {
		.procfs = &procfs,
		.selection = &command->target.selection,
		.pids = command->target.pids,
		.pid_count = command->target.pid_count,
		.interval_s = command->interval_s,
		.listening = http_listen(command->address, shown, &failure),
		.address = shown,
		.listener = &people,
	};

	if (monitor_options.listening >= 0 && !monitor_run(&monitor_options, &failure))
		return STATUS_OK;
	message_error("%s", failure.text);
	return failure.status;
}

int monitor_main(int argc, char **argv)
{
	struct monitor_command command = {
		.target = {.verb = "monitor watches", .many = true, .workers = true},
		.address = ADDRESS,
		.interval_s = INTERVAL_S,
	};
	enum exit_status status = STATUS_USAGE;

	if (!argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &command))
		status = watch(&command);
	target_choice_release(&command.target);
	return status;
}
