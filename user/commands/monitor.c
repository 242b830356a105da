/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed monitor`: parse, listen, watch until told to end. */
#include "monitor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../service/monitor/hook.h"
#include "../service/monitor/http.h"
#include "../service/monitor/monitor.h"
#include "../service/monitor/report.h"
#include "../service/monitor/webhook.h"
#include "monitor_options.h"
#include "tell.h"

#define HOOK_S    30.0
#define WEBHOOK_S 10.0

/*
 * What was asked for: at the start, which what cannot change refers to until the end; and of late,
 * which the monitor has taken over when it asks for another one.
 */
struct asked {
	int argc;
	char **argv;
	struct monitor_setup *first, *last, *before; /* the last may be the first one */
	struct monitor_options options[2];           /* of the last and of that before */
	size_t turn;
};

static int check_receivers(const struct monitor_command *command, struct failure *failure)
{
	if (command->hook && hook_check(command->hook, failure))
		return -1;
	return command->webhook ? webhook_check(command->webhook, failure) : 0;
}

/* What can change while it runs. */
static void take_changes(const struct monitor_command *command, struct monitor_options *options)
{
	options->hook = command->hook;
	options->webhook = command->webhook;
	options->inquiries = (struct inquiries_options){
		.share = command->budget_percent / 100,
		.duration_s = command->duration_s,
		.max_memory_bytes = command->look.max_memory_bytes,
		.with_keys = command->look.with_keys,
	};
}

/* The file may be wrong by now, which is said; then all stays as it is. */
static struct monitor_setup *read_again(const struct asked *asked)
{
	enum exit_status status;
	struct failure failure;
	struct monitor_setup *setup = monitor_setup_new(asked->argc, asked->argv, &status);

	if (!setup || !check_receivers(&setup->command, &failure))
		return setup;
	message_error("%s", failure.text);
	monitor_setup_free(setup);
	return NULL;
}

static const struct monitor_options *renew(void *context)
{
	struct asked *asked = context;
	struct monitor_setup *setup = read_again(asked);

	if (!setup)
		return NULL;
	if (!monitor_setup_same_start(asked->first, setup))
		message_info("some of what changed in %s counts when it is started anew",
			     setup->command.config);
	if (asked->before != asked->first)
		monitor_setup_free(asked->before);
	asked->before = asked->last;
	asked->last = setup;
	asked->options[!asked->turn] = asked->options[asked->turn];
	asked->turn = !asked->turn;
	take_changes(&setup->command, &asked->options[asked->turn]);
	return &asked->options[asked->turn];
}

static int watch_with(struct asked *asked, struct history *history, struct failure *failure)
{
	const struct procfs procfs = {.root = "/proc"};
	const struct monitor_command *command = &asked->first->command;
	struct monitor_options *options = &asked->options[0];
	char shown[HTTP_ADDRESS_BYTES];
	struct token token;

	*options = (struct monitor_options){
		.procfs = &procfs,
		.selection = &command->target.selection,
		.pids = command->target.pids,
		.pid_count = command->target.pid_count,
		.interval_s = command->interval_s,
		.hook_timeout_s = HOOK_S,
		.webhook_timeout_s = WEBHOOK_S,
		.history = history,
		.history_path = command->history,
		.report = command->report,
		.address = shown,
		.host = command->host,
		.token = command->token_path ? &token : NULL,
		.token_path = command->token_path,
		.listener = &people,
		.renew = command->config ? renew : NULL,
		.renew_context = asked,
	};
	take_changes(command, options);
	if (command->token_path && token_read(command->token_path, &token, failure))
		return -1;
	options->listening = http_listen(command->address, shown, failure);
	return options->listening < 0 ? -1 : monitor_run(options, failure);
}

static int begin(struct asked *asked, struct failure *failure)
{
	const struct monitor_command *command = &asked->first->command;
	struct history *history = NULL;

	if (check_receivers(command, failure))
		return -1;
	if (command->report && access(command->report, W_OK | X_OK))
		return failure_set(failure, STATUS_FAILURE, "cannot write into %.200s: %s",
				   command->report, strerror(errno));
	if (command->history &&
	    !(history = history_open(command->history, (uint64_t)(command->history_mb * 1e6),
				     &people, failure)))
		return -1;
	int error = watch_with(asked, history, failure);
	history_close(history);
	return error;
}

/* Of a history that is there: else an empty one would be made. */
static int report(struct asked *asked, struct failure *failure)
{
	const struct monitor_command *command = &asked->first->command;
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

static enum exit_status watch(struct asked *asked)
{
	struct failure failure = {0};

	if (!(asked->first->command.report_now ? report : begin)(asked, &failure))
		return STATUS_OK;
	message_error("%s", failure.text);
	return failure.status;
}

int monitor_main(int argc, char **argv)
{
	enum exit_status status;
	struct monitor_setup *setup = monitor_setup_new(argc, argv, &status);
	struct asked asked = {argc, argv, .first = setup, .last = setup, .before = setup};

	if (!setup)
		return status;
	status = watch(&asked);
	if (asked.before != setup)
		monitor_setup_free(asked.before);
	if (asked.last != setup)
		monitor_setup_free(asked.last);
	monitor_setup_free(setup);
	return status;
}
