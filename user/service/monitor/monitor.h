/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches services for as long as it is let: who is there, what each takes, at an interval, and a
 * page of metrics for whoever asks. Our own memory is bounded: by how many processes, services and
 * cgroups are watched at once. What it costs follows from the interval and from how many these are;
 * what is dear waits for its turn (roster.h).
 */
#ifndef UNFREED_SERVICE_MONITOR_H
#define UNFREED_SERVICE_MONITOR_H

#include "../../events/event.h"
#include "../../process/selection.h"
#include "inquiries.h"
#include "token.h"

struct monitor_options {
	const struct procfs *procfs;
	const struct selection *selection; /* its name NULL: the processes below */
	const pid_t *pids;
	size_t pid_count;
	double interval_s;
	struct inquiries_options inquiries;
	const char *hook; /* a program that hook_check() allows; NULL: none */
	double hook_timeout_s;
	const char *webhook; /* an address that webhook_check() allows; NULL: none */
	double webhook_timeout_s;
	struct history *history; /* NULL: none is kept */
	const char *history_path;
	const char *report;        /* a directory for one each day; NULL: none. Needs a history */
	int listening;             /* a descriptor of http_listen(), taken over, */
	const char *address;       /* and where that is */
	const char *host;          /* what else it may be called there, http_is_name(); NULL */
	const struct token *token; /* NULL: /metrics is all that there is */
	const char *token_path;
	const struct listener *listener;
	/* At SIGHUP: other options, of which `inquiries`, `hook` and `webhook` count
	 * from then on, while those before still stand; they stand until the next
	 * but one. NULL: they stay. */
	const struct monitor_options *(*renew)(void *context); /* NULL: they never change */
	void *renew_context;
};

/*
 * Until SIGINT, SIGTERM or SIGQUIT, or until all processes that were asked for by number
 * have ended. SIGHUP has it look for processes at once, and take other options. Returns 0,
 * or -1 with `failure` filled.
 */
int monitor_run(const struct monitor_options *options, struct failure *failure);

#endif
