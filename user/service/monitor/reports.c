/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_S     86400
#define TIMEOUT_S 600.0
#define PAUSE_S   60.0

struct reports {
	struct reports_options options;
	struct delivery *delivery;
	int64_t day; /* since the epoch, of the last one */
};

static pid_t start(void *context, const char *text)
{
	const struct reports *reports = context;
	char *argv[] = {"unfreed",
			"monitor",
			"--history",
			(char *)reports->options.history,
			"--report",
			(char *)reports->options.directory,
			"--report-now",
			"--quiet",
			NULL};

	(void)text;
	pid_t child = delivery_fork();
	if (!child)
		delivery_execute("/proc/self/exe", argv, open("/dev/null", O_RDONLY));
	return child;
}

/* What was wrong it has said itself, unless it was killed. */
static enum delivery_end judge(void *context, const struct delivery_try *done)
{
	const struct reports *reports = context;

	if (done->status < 0)
		return DELIVERY_AGAIN;
	if (WIFSIGNALED(done->status))
		event_tell(reports->options.listener,
			   &(struct event){.kind = EVENT_NOT_REPORTED,
					   .path = reports->options.directory,
					   .status = done->status});
	return DELIVERY_DONE;
}

static void forget(void *context)
{
	(void)context;
}

struct reports *reports_new(struct loop *loop, const struct reports_options *options)
{
	struct reports *reports = malloc(sizeof(*reports));

	if (!reports)
		return NULL;
	*reports = (struct reports){.options = *options, .day = options->last_at / DAY_S};
	reports->delivery = delivery_new(loop, &(struct delivery_way){
						       .start = start,
						       .judge = judge,
						       .free = forget,
						       .context = reports,
						       .timeout_s = TIMEOUT_S,
						       .pause_s = PAUSE_S,
					       });
	if (reports->delivery)
		return reports;
	free(reports);
	return NULL;
}

void reports_attend(struct reports *reports, int64_t now)
{
	if (!reports || now / DAY_S <= reports->day)
		return;
	reports->day = now / DAY_S;
	delivery_send(reports->delivery, "");
}

void reports_free(struct reports *reports)
{
	if (!reports)
		return;
	delivery_free(reports->delivery);
	free(reports);
}
