/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/message.h"
#include "../service/monitor/http.h"

#define ADDRESS    "127.0.0.1:9873"
#define INTERVAL_S 10.0
#define DURATION_S 120.0
#define BUDGET     1.0 /* percent of a processor */

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
	KEY_REPORT_NOW,
	KEY_CONFIG,
	KEY_HOST
};

static const struct argp_option options[] = {
	{"budget", KEY_BUDGET, "PERCENT", 0,
	 "Of a processor, over time, for reading, looks and asking why a service grows (default: 1; 0: "
	 "nobody is asked)",
	 1},
	{"config", KEY_CONFIG, "FILE", 0,
	 "Take options from there too, as lines such as budget = 0.5; SIGHUP reads it again", 1},
	{"duration", 'd', "SECONDS", 0, "Ask for so long each time (default: 120)", 1},
	{"exec", KEY_EXEC, "PROGRAM", 0,
	 "Start it for each alert, which is JSON on its standard input", 1},
	{"history", KEY_HISTORY, "FILE", 0,
	 "Keep there what is seen, with each answer: a file of SQLite, made where there is none",
	 1},
	{"history-size", KEY_HISTORY_SIZE, "MB", 0, "The most of it that is kept (default: 256)",
	 1},
	{"host", KEY_HOST, "NAME", 0,
	 "Answer to that name too, by which others know this machine, such as shop.example", 1},
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

static error_t take_host(const char *argument, const char **host)
{
	if (!http_is_name(argument)) {
		message_error("--host needs the name of a machine, not \"%s\"", argument);
		return EINVAL;
	}
	*host = argument;
	return 0;
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
	case KEY_CONFIG:
		command->config = argument;
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
	case KEY_HOST:
		return take_host(argument, &command->host);
	case KEY_TOKEN_FILE:
		command->token_path = argument;
		return 0;
	case KEY_WEBHOOK:
		command->webhook = argument;
		return 0;
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
	       "SIGTERM or SIGINT ends it; SIGHUP has it look for processes at once, and read the file of "
	       "--config again: what is asked, and who is told, is then as there; other options are for a start. Exit status: 0 "
	       "ended so, or all processes that were named by number have ended, 1 a failure while "
	       "running, 2 usage, 3 the target (no such process).",
};

/* --- a file of options, below the command line --- */

#define NOT_IN_FILES "config report-now"

static const char *const ways_to_targets[] = {"pid", "container", "cgroup", "comm"};

static bool names_target(const struct monitor_command *command)
{
	return command->target.pid_count || command->target.selection.name;
}

static bool is_target(const char *key)
{
	for (size_t i = 0; i < sizeof(ways_to_targets) / sizeof(*ways_to_targets); i++)
		if (!strcmp(key, ways_to_targets[i]))
			return true;
	return false;
}

/* What is wrong is said. */
static error_t parse_words(int count, char **words, bool may_be_none,
			   struct monitor_command *command)
{
	*command = (struct monitor_command){
		.target = {.verb = "monitor watches",
			   .many = true,
			   .workers = true,
			   .may_be_none = may_be_none},
		.address = ADDRESS,
		.interval_s = INTERVAL_S,
		.duration_s = DURATION_S,
		.budget_percent = BUDGET,
		.history_mb = HISTORY_MB,
	};
	return argp_parse(&argp, count, words, ARGP_IN_ORDER, NULL, command);
}

/* Each line alone, so that what is wrong with it is said with its number. */
static error_t check_lines(const struct config *config, char *name)
{
	error_t error = 0;

	for (size_t i = 0; i < config->count && !error; i++) {
		const struct config_entry *entry = &config->entries[i];
		char *words[] = {name, entry->argument, NULL};
		struct monitor_command alone;
		char place[300];

		if (!entry->argument)
			continue;
		snprintf(place, sizeof(place), "%.200s, line %d: ", config->path, entry->line);
		message_set_place(place);
		error = parse_words(2, words, true, &alone);
		message_set_place(NULL);
		target_choice_release(&alone.target);
	}
	return error;
}

/* The file's first, so that the command line's count. Returns how many there are, or -1. */
static int join_words(struct monitor_setup *setup, int argc, char **argv, bool with_targets)
{
	const struct config *config = &setup->config;
	int count = 0;

	setup->words = calloc((size_t)argc + config->count + 1, sizeof(*setup->words));
	if (!setup->words)
		return -1;
	setup->words[count++] = argv[0];
	for (size_t i = 0; i < config->count; i++)
		if (config->entries[i].argument &&
		    (with_targets || !is_target(config->entries[i].key)))
			setup->words[count++] = config->entries[i].argument;
	for (int i = 1; i < argc; i++)
		setup->words[count++] = argv[i];
	return count;
}

static bool check_report(const struct monitor_command *command)
{
	if ((!command->report && !command->report_now) || command->history)
		return true;
	message_error("--report%s needs the file of --history", command->report ? "" : "-now");
	return false;
}

static enum exit_status parse(struct monitor_setup *setup, int argc, char **argv)
{
	struct monitor_command asked;
	struct failure failure;
	error_t error = parse_words(argc, argv, true, &asked);
	bool has_target = names_target(&asked);

	target_choice_release(&asked.target);
	if (error)
		return STATUS_USAGE;
	if (asked.config &&
	    config_read(asked.config, &argp, NOT_IN_FILES, &setup->config, &failure)) {
		message_error("%s", failure.text);
		return failure.status;
	}
	if (check_lines(&setup->config, argv[0]))
		return STATUS_USAGE;
	int count = join_words(setup, argc, argv, !has_target);
	if (count < 0)
		return STATUS_FAILURE;
	error = parse_words(count, setup->words, false, &setup->command);
	return error || !check_report(&setup->command) ? STATUS_USAGE : STATUS_OK;
}

struct monitor_setup *monitor_setup_new(int argc, char **argv, enum exit_status *status)
{
	struct monitor_setup *setup = calloc(1, sizeof(*setup));

	*status = setup ? parse(setup, argc, argv) : STATUS_FAILURE;
	if (*status == STATUS_OK)
		return setup;
	monitor_setup_free(setup);
	return NULL;
}

void monitor_setup_free(struct monitor_setup *setup)
{
	if (!setup)
		return;
	target_choice_release(&setup->command.target);
	config_release(&setup->config);
	free(setup->words);
	free(setup);
}

/* --- what a start alone can change --- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_target(const struct target_choice *a, const struct target_choice *b)
{
	return a->pid_count == b->pid_count &&
	       (!a->pid_count || !memcmp(a->pids, b->pids, a->pid_count * sizeof(*a->pids))) &&
	       a->selection.kind == b->selection.kind &&
	       same_text(a->selection.name, b->selection.name);
}

bool monitor_setup_same_start(const struct monitor_setup *first, const struct monitor_setup *second)
{
	const struct monitor_command *a = &first->command, *b = &second->command;

	return same_target(&a->target, &b->target) && same_text(a->history, b->history) &&
	       a->history_mb == b->history_mb && same_text(a->report, b->report) &&
	       same_text(a->address, b->address) && same_text(a->token_path, b->token_path) &&
	       same_text(a->host, b->host) && a->interval_s == b->interval_s;
}
