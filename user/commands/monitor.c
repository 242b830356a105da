/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed monitor`: parse, listen, watch until told to end. */
#include "monitor.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../lib/message.h"
#include "../service/monitor/hook.h"
#include "../service/monitor/http.h"
#include "../service/monitor/monitor.h"
#include "../service/monitor/report.h"
#include "../service/monitor/webhook.h"
#include "arguments.h"
#include "target_options.h"
#include "tell.h"

#define ADDRESS    "127.0.0.1:9873"
#define INTERVAL_S 10.0
#define DURATION_S 120.0
#define BUDGET     1.0 /* percent of a processor */
#define HOOK_S     30.0
#define WEBHOOK_S  10.0

#define HISTORY_MB 256.0

enum {
	KEY_LISTEN = 0x7100,
	KEY_BUDGET,
	KEY_EXEC,
	KEY_HISTORY,
	KEY_HISTORY_SIZE,
	KEY_TOKEN_FILE,
	KEY_WEBHOOK,
	KEY_REPORT,
	KEY_REPORT_NOW
};

struct monitor_command {
	struct target_choice target;
	struct look_options look;
	double budget_percent;
	double duration_s;
	const char *hook;
	const char *webhook;
	const char *history;
	double history_mb;
	const char *report;
	bool report_now;
	const char *address;
	const char *token_path;
	double interval_s;
};

static const struct argp_option options[] = {
	{"budget", KEY_BUDGET, "PERCENT", 0,
	 "Of a processor, over time, for asking why a service grows (default: 1; 0: never ask)", 1},
	{"duration", 'd', "SECONDS", 0, "Ask for so long each time (default: 120)", 1},
	{"exec", KEY_EXEC, "PROGRAM", 0,
	 "Start it for each alert, which is JSON on its standard input", 1},
	{"history", KEY_HISTORY, "FILE", 0,
	 "Keep there what is seen, with each answer: a file of SQLite, made where there is none",
	 1},
	{"history-size", KEY_HISTORY_SIZE, "MB", 0, "The most of it that is kept (default: 256)",
	 1},
	{"interval", 'i', "SECONDS", 0, "Read all processes so often (default: 10)", 1},
	{"listen", KEY_LISTEN, "ADDRESS:PORT", 0,
	 "Answer there, in numbers; port 0 is any (default: " ADDRESS ")", 1},
	{"report", KEY_REPORT, "DIR", 0,
	 "Write there each day, UTC, how services were, as a page and as text; needs --history", 1},
	{"report-now", KEY_REPORT_NOW, 0, 0,
	 "Write that at once out of --history, without --report as text to standard output, and end",
	 1},
	{"token-file", KEY_TOKEN_FILE, "FILE", 0,
	 "Show what was found on a page too, and as JSON, to whoever gives the token in that file, which is made "
	 "where there is none, and is for you alone",
	 1},
	{"webhook", KEY_WEBHOOK, "URL", 0, "Post each alert there, as JSON, by HTTP or HTTPS", 1},
	{0},
};

static error_t check_report(const struct monitor_command *command)
{
	if ((!command->report && !command->report_now) || command->history)
		return 0;
	message_error("--report%s needs the file of --history", command->report ? "" : "-now");
	return EINVAL;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct monitor_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->target;
		state->child_inputs[1] = &command->look;
		return 0;
	case KEY_BUDGET:
		return argument_number("--budget", argument, 0, 100, &command->budget_percent);
	case 'd':
		return argument_number("--duration", argument, 1, 3600, &command->duration_s);
	case KEY_EXEC:
		command->hook = argument;
		return 0;
	case KEY_HISTORY:
		command->history = argument;
		return 0;
	case KEY_REPORT:
		command->report = argument;
		return 0;
	case KEY_REPORT_NOW:
		command->report_now = command->target.may_be_none = true;
		return 0;
	case KEY_HISTORY_SIZE:
		return argument_number("--history-size", argument, 1, 1e6, &command->history_mb);
	case 'i':
		return argument_number("--interval", argument, 0.1, 3600, &command->interval_s);
	case KEY_LISTEN:
		command->address = argument;
		return 0;
	case KEY_TOKEN_FILE:
		command->token_path = argument;
		return 0;
	case KEY_WEBHOOK:
		command->webhook = argument;
		return 0;
	case ARGP_KEY_SUCCESS:
		return check_report(command);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{&target_options_many, 0, NULL, 0},
	{&look_options_argp, 0, NULL, 0},
	{&message_options, 0, NULL, 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.args_doc = "[-p] PID...",
	.doc = "Watches the memory of services for as long as it runs: their processes as they come "
	       "and go, their cgroups, and what /metrics says of them to Prometheus or whoever asks; and "
	       "why one grows, as `unfreed why` tells it. A master that forks workers stands for "
	       "these. Nothing is written into any process.\v"
	       "SIGTERM or SIGINT ends it; SIGHUP has it look for processes at once. Exit status: 0 "
	       "ended so, or all processes that were named by number have ended, 1 a failure while "
	       "running, 2 usage, 3 the target (no such process).",
};

static int watch_with(const struct monitor_command *command, struct history *history,
		      struct failure *failure)
{
	const struct procfs procfs = {.root = "/proc"};
	char shown[HTTP_ADDRESS_BYTES];
	struct token token;
	struct monitor_options monitor_options = {
		.procfs = &procfs,
		.selection = &command->target.selection,
		.pids = command->target.pids,
		.pid_count = command->target.pid_count,
		.interval_s = command->interval_s,
		.inquiries =
			{
				.share = command->budget_percent / 100,
				.duration_s = command->duration_s,
				.max_memory_bytes = command->look.max_memory_bytes,
				.with_keys = command->look.with_keys,
			},
		.hook = command->hook,
		.hook_timeout_s = HOOK_S,
		.webhook = command->webhook,
		.webhook_timeout_s = WEBHOOK_S,
		.history = history,
		.history_path = command->history,
		.report = command->report,
		.address = shown,
		.token = command->token_path ? &token : NULL,
		.token_path = command->token_path,
		.listener = &people,
	};

	if (command->token_path && token_read(command->token_path, &token, failure))
		return -1;
	monitor_options.listening = http_listen(command->address, shown, failure);
	return monitor_options.listening < 0 ? -1 : monitor_run(&monitor_options, failure);
}

static int begin(const struct monitor_command *command, struct failure *failure)
{
	struct history *history = NULL;

	if (command->hook && hook_check(command->hook, failure))
		return -1;
	if (command->webhook && webhook_check(command->webhook, failure))
		return -1;
	if (command->report && access(command->report, W_OK | X_OK))
		return failure_set(failure, STATUS_FAILURE, "cannot write into %.200s: %s",
				   command->report, strerror(errno));
	if (command->history &&
	    !(history = history_open(command->history, (uint64_t)(command->history_mb * 1e6),
				     &people, failure)))
		return -1;
	int error = watch_with(command, history, failure);
	history_close(history);
	return error;
}

/* Of a history that is there: else an empty one would be made. */
static int report(const struct monitor_command *command, struct failure *failure)
{
	struct history *history = NULL;
	char path[REPORT_PATH_BYTES];

	if (access(command->history, F_OK))
		return failure_set(failure, STATUS_FAILURE, "cannot open %.200s: %s",
				   command->history, strerror(errno));
	history = history_open(command->history, (uint64_t)(command->history_mb * 1e6), &people,
			       failure);
	int error = history ? report_write(history, command->report, path, failure) : -1;
	history_close(history);
	if (!error && command->report)
		message_info("wrote %s", path);
	return error;
}

static enum exit_status watch(const struct monitor_command *command)
{
	struct failure failure = {0};

	if (!(command->report_now ? report : begin)(command, &failure))
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
		.duration_s = DURATION_S,
		.budget_percent = BUDGET,
		.history_mb = HISTORY_MB,
	};
	enum exit_status status = STATUS_USAGE;

	if (!argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &command))
		status = watch(&command);
	target_choice_release(&command.target);
	return status;
}
