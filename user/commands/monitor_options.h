/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `monitor` and the file of options that it names, parsed into one struct.
 */
#ifndef UNFREED_MONITOR_OPTIONS_H
#define UNFREED_MONITOR_OPTIONS_H

#include "arguments.h"
#include "config.h"
#include "target_options.h"

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
	const char *host;
	const char *token_path;
	double interval_s;
	const char *config;
};

struct monitor_setup {
	struct monitor_command command;
	struct config config; /* what the command names is in there, or in argv */
	char **words;
};

/*
 * Parses both; a new one, to be freed. NULL where something is wrong, which was said, and
 * `status` is by then that of it.
 */
struct monitor_setup *monitor_setup_new(int argc, char **argv, enum exit_status *status);

/* Accepts NULL. */
void monitor_setup_free(struct monitor_setup *setup);

/* Whether what only a start can change is the same. */
bool monitor_setup_same_start(const struct monitor_setup *a, const struct monitor_setup *b);

#endif
