/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/loop.h"
#include "../../lib/supervisor.h"
#include "../../output/openmetrics.h"
#include "hook.h"
#include "looks.h"
#include "metrics.h"
#include "reports.h"
#include "site.h"
#include "webhook.h"

#define LOOK_S     5.0   /* between two looks for processes, at most the interval, */
#define LOOK_SHARE 0.002 /* of a processor: more where they are dear */
#define OVERHEAD_S 60.0

#define WEBHOOK_PAUSE_S 1.0
#define FINISH_S        3.0 /* at the end, for alerts that are on their way */
#define FINISH_STEP_MS  100

/* Processor time at a moment. */
struct mark {
	double at_s;
	double cpu_s;
};

struct monitor {
	const struct monitor_options *options;
	struct roster roster;
	struct inquiries inquiries;
	struct looks looks;
	struct alerts alerts;
	struct pressure pressure;
	struct loop *loop;
	struct loop_source *look_timer, *read_timer, *life_timer;
	struct http *http;
	struct reports *reports;
	struct supervisor supervisor;
	struct mark marks[2]; /* a minute ago or more, and since */
	double began_s;       /* since the epoch */
	uint64_t rounds;
	uint64_t dropped; /* alerts, of receivers that are no more */
	bool waiting;     /* it was said that there is none */
	bool ended;
	struct failure failure; /* that ended it */
};

static uint64_t ns_of(double seconds)
{
	return (uint64_t)(fmax(seconds, 1e-3) * 1e9);
}

/* With what inquiries and looks took, which are processes of their own. */
static struct mark mark_now(const struct monitor *monitor)
{
	return (struct mark){clock_s(CLOCK_MONOTONIC),
			     clock_s(CLOCK_PROCESS_CPUTIME_ID) + monitor->inquiries.spent_s};
}

/* --- who and what --- */

/* Says once that there is none, until there is one again. */
static void tell_none(struct monitor *monitor, const struct failure *failure)
{
	bool none = monitor->roster.found_none;

	if (none && !monitor->waiting)
		event_tell(monitor->options->listener,
			   &(struct event){.kind = EVENT_NO_SERVICE, .failure = failure});
	monitor->waiting = none;
}

/* Those that came since: a history may know them. */
static void recall(struct monitor *monitor, double now_s)
{
	for (size_t i = 0; i < monitor->roster.service_count && monitor->options->history; i++) {
		struct watched_service *service = monitor->roster.services[i];

		if (!service->recalled)
			history_recall(monitor->options->history, service, now_s);
		service->recalled = true;
	}
}

/* At the beginning what cannot be looked for is an error; later it is waited for to be better. */
static void look(void *context)
{
	struct monitor *monitor = context;
	double pause_s = fmin(LOOK_S, monitor->options->interval_s);
	struct mark before = mark_now(monitor);
	struct failure failure = {0};

	if (roster_look(&monitor->roster, before.at_s, &failure) && !monitor->rounds) {
		monitor->failure = failure;
		monitor->ended = true;
		return;
	}
	tell_none(monitor, &failure);
	recall(monitor, before.at_s);
	double took_s = mark_now(monitor).cpu_s - before.cpu_s;
	loop_set_timer(monitor->look_timer, ns_of(fmax(took_s / LOOK_SHARE, pause_s)), 0);
}

/* What `systemctl status` shows. */
static void tell_status(const struct monitor *monitor)
{
	const struct roster *roster = &monitor->roster;
	size_t findings = 0;

	for (size_t i = 0; i < roster->service_count; i++)
		findings += roster->services[i]->findings.count;
	supervisor_tell(&monitor->supervisor, "STATUS=Processes: %zu, services: %zu, findings: %zu",
			roster->instance_count, roster->service_count, findings);
}

static void read_all(void *context)
{
	struct monitor *monitor = context;
	struct mark now = mark_now(monitor);

	roster_read(&monitor->roster, now.at_s);
	alerts_attend_limits(&monitor->alerts);
	inquiries_attend(&monitor->inquiries, now.at_s);
	looks_attend(&monitor->looks, now.at_s);
	if (monitor->options->history)
		history_add_samples(monitor->options->history, &monitor->roster, now.at_s);
	reports_attend(monitor->reports, (int64_t)clock_s(CLOCK_REALTIME));
	monitor->pressure = pressure_read("/proc/pressure/memory");
	monitor->rounds++;
	if (now.at_s - monitor->marks[1].at_s >= OVERHEAD_S) {
		monitor->marks[0] = monitor->marks[1];
		monitor->marks[1] = now;
	}
	monitor->ended |= roster_is_over(&monitor->roster);
	tell_status(monitor);
}

/* --- what is told of it --- */

static struct self describe_self(const struct monitor *monitor)
{
	const struct procfs *procfs = monitor->options->procfs;
	struct process_status status;
	struct mark now = mark_now(monitor);
	const struct mark *since = &monitor->marks[0];

	return (struct self){
		.began_s = monitor->began_s,
		.cpu_s = now.cpu_s,
		.overhead = (now.cpu_s - since->cpu_s) / fmax(now.at_s - since->at_s, 1),
		.budget = monitor->options->inquiries.share,
		.resident_bytes = procfs_read_status(procfs, getpid(), &status)
					  ? -1
					  : (double)status.resident_bytes,
		.open_files = (double)procfs_count_open_files(procfs, getpid()),
		.rounds = monitor->rounds,
		.requests = http_requests(monitor->http),
		.not_kept = history_not_written(monitor->options->history),
		.alerts_dropped = monitor->dropped + delivery_dropped(monitor->alerts.hook) +
				  delivery_dropped(monitor->alerts.webhook),
	};
}

static int write_metrics(void *context, const struct http_request *request, FILE *file)
{
	const struct monitor *monitor = context;
	const struct metrics metrics = {
		.roster = &monitor->roster,
		.inquiries = &monitor->inquiries,
		.looks = &monitor->looks,
		.pressure = monitor->pressure,
		.self = describe_self(monitor),
	};

	(void)request;
	metrics_write(&metrics, file);
	return 0;
}

/* --- who else is told of alerts --- */

static bool begin_hook(struct monitor *monitor)
{
	const struct monitor_options *options = monitor->options;

	monitor->alerts.hook = options->hook ? hook_new(monitor->loop, options->hook,
							options->hook_timeout_s, options->listener)
					     : NULL;
	if (monitor->alerts.hook && options->history)
		alerts_keep(&monitor->alerts.keepers[0], monitor->alerts.hook, options->history,
			    "exec");
	return !monitor->alerts.hook == !options->hook;
}

static bool begin_webhook(struct monitor *monitor)
{
	const struct monitor_options *options = monitor->options;

	monitor->alerts.webhook =
		options->webhook ? webhook_new(monitor->loop,
					       &(struct webhook_options){
						       .url = options->webhook,
						       .timeout_s = options->webhook_timeout_s,
						       .pause_s = WEBHOOK_PAUSE_S,
						       .listener = options->listener,
					       })
				 : NULL;
	if (monitor->alerts.webhook && options->history)
		alerts_keep(&monitor->alerts.keepers[1], monitor->alerts.webhook, options->history,
			    "webhook");
	return !monitor->alerts.webhook == !options->webhook;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Returns how many alerts were dropped with it, and before. */
static uint64_t give_up(struct delivery *delivery)
{
	delivery_drop(delivery);
	uint64_t dropped = delivery_dropped(delivery) + delivery_waiting(delivery);
	delivery_free(delivery);
	return dropped;
}

/* Where a receiver is another one, what waits for the former is dropped. */
static void take_options(struct monitor *monitor, const struct monitor_options *options)
{
	const struct monitor_options *before = monitor->options;
	struct alerts *alerts = &monitor->alerts;

	monitor->options = options;
	monitor->inquiries.options = &options->inquiries;
	if (!is_same(before->hook, options->hook)) {
		monitor->dropped += give_up(alerts->hook);
		begin_hook(monitor);
	}
	if (!is_same(before->webhook, options->webhook)) {
		monitor->dropped += give_up(alerts->webhook);
		begin_webhook(monitor);
	}
}

static void hear_hangup(void *context)
{
	struct monitor *monitor = context;
	const struct monitor_options *options = monitor->options, *others;

	look(monitor);
	others = options->renew ? options->renew(options->renew_context) : NULL;
	if (others)
		take_options(monitor, others);
}

/* --- its life --- */

static void end(void *context)
{
	struct monitor *monitor = context;

	monitor->ended = true;
}

/* In turn with all that we do: a loop that hangs is a life that has no sign. */
static void tell_life(void *context)
{
	const struct monitor *monitor = context;

	supervisor_tell(&monitor->supervisor, "WATCHDOG=1");
}

static bool hear_signals(struct monitor *monitor)
{
	sigset_t of_end, of_hangup;

	sigemptyset(&of_end);
	sigaddset(&of_end, SIGINT);
	sigaddset(&of_end, SIGTERM);
	sigaddset(&of_end, SIGQUIT);
	sigemptyset(&of_hangup);
	sigaddset(&of_hangup, SIGHUP);
	sigprocmask(SIG_BLOCK, &of_end, NULL);
	sigprocmask(SIG_BLOCK, &of_hangup, NULL);
	return loop_on_signals(monitor->loop, &of_end, LOOP_IN_TURN, end, monitor) &&
	       loop_on_signals(monitor->loop, &of_hangup, LOOP_IN_TURN, hear_hangup, monitor);
}

/* The first one is of the day that follows. */
static bool begin_reports(struct monitor *monitor)
{
	const struct monitor_options *options = monitor->options;
	int64_t last_at;

	if (!options->report)
		return true;
	last_at = history_last_report(options->history);
	monitor->reports = reports_new(
		monitor->loop, &(struct reports_options){
				       .history = options->history_path,
				       .directory = options->report,
				       .last_at = last_at > 0 ? last_at : (int64_t)monitor->began_s,
				       .listener = options->listener,
			       });
	return monitor->reports;
}

static int begin(struct monitor *monitor, const struct http_site *site, struct failure *failure)
{
	const struct monitor_options *options = monitor->options;
	int listening = options->listening;

	monitor->loop = loop_new();
	if (monitor->loop) {
		monitor->look_timer = loop_on_timer(monitor->loop, LOOP_IN_TURN, look, monitor);
		monitor->read_timer = loop_on_timer(monitor->loop, LOOP_IN_TURN, read_all, monitor);
		monitor->life_timer =
			loop_on_timer(monitor->loop, LOOP_IN_TURN, tell_life, monitor);
		monitor->http = http_new(monitor->loop, listening, site);
	} else {
		close(listening);
	}
	if (!monitor->loop || !monitor->look_timer || !monitor->read_timer ||
	    !monitor->life_timer || !monitor->http || !begin_hook(monitor) ||
	    !begin_webhook(monitor) || !begin_reports(monitor) || !hear_signals(monitor))
		return failure_set(failure, STATUS_FAILURE, "cannot wait for what happens: %s",
				   strerror(errno));
	if (roster_init(&monitor->roster, options->procfs, options->selection, options->pids,
			options->pid_count))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	monitor->roster.listener = options->listener;
	monitor->roster.interval_s = monitor->roster.groups.interval_s = options->interval_s;
	monitor->inquiries.roster = &monitor->roster;
	monitor->inquiries.loop = monitor->loop;
	return 0;
}

/* First who is there; what cannot be looked for ends it. */
static void begin_watch(struct monitor *monitor)
{
	uint64_t interval_ns = ns_of(monitor->options->interval_s);
	uint64_t life_ns = monitor->supervisor.watchdog_ns / 2;

	look(monitor);
	if (monitor->ended)
		return;
	read_all(monitor);
	loop_set_timer(monitor->read_timer, interval_ns, interval_ns);
	loop_set_timer(monitor->life_timer, life_ns, life_ns);
	supervisor_tell(&monitor->supervisor, "READY=1");
	event_tell(monitor->options->listener,
		   &(struct event){.kind = EVENT_MONITORING, .text = monitor->options->address});
	if (monitor->options->token)
		event_tell(monitor->options->listener,
			   &(struct event){.kind = EVENT_PAGE,
					   .text = monitor->options->address,
					   .path = monitor->options->token_path});
}

/* What is on its way may come there, or it would come twice; what waits is
 * kept, or said to be lost. */
static void finish_alerts(struct monitor *monitor)
{
	const struct alerts *alerts = &monitor->alerts;
	double until_s = clock_s(CLOCK_MONOTONIC) + FINISH_S;
	size_t left;

	loop_set_timer(monitor->look_timer, 0, 0);
	loop_set_timer(monitor->read_timer, 0, 0);
	while (((int)delivery_close(alerts->hook) | (int)delivery_close(alerts->webhook)) &&
	       clock_s(CLOCK_MONOTONIC) < until_s && loop_wait(monitor->loop, FINISH_STEP_MS) >= 0)
		;
	left = delivery_waiting(alerts->hook) + delivery_waiting(alerts->webhook);
	if (left)
		event_tell(monitor->options->listener,
			   &(struct event){.kind = EVENT_ALERTS_LEFT, .count = left});
}

static int serve(struct monitor *monitor, struct failure *failure)
{
	int error = 0;

	begin_watch(monitor);
	while (!monitor->ended && error >= 0)
		error = loop_wait(monitor->loop, -1);
	finish_alerts(monitor);
	if (*monitor->failure.text)
		*failure = monitor->failure;
	else if (error < 0)
		failure_set(failure, STATUS_FAILURE, "cannot wait for what happens: %s",
			    strerror(-error));
	return *monitor->failure.text || error < 0 ? -1 : 0;
}

int monitor_run(const struct monitor_options *options, struct failure *failure)
{
	struct monitor monitor = {
		.options = options,
		.inquiries = {.options = &options->inquiries,
			      .alerts = &monitor.alerts,
			      .history = options->history},
		.looks = {.inquiries = &monitor.inquiries},
		.alerts = {.roster = &monitor.roster, .listener = options->listener},
		.began_s = clock_s(CLOCK_REALTIME),
	};
	monitor.marks[0] = monitor.marks[1] = mark_now(&monitor);
	const struct http_page metrics = {.path = "/metrics",
					  .type = OPENMETRICS_TYPE,
					  .open = true,
					  .is_kept = true,
					  .write = write_metrics,
					  .context = &monitor};
	const struct api api = {&monitor.roster, options->history, monitor.began_s};
	struct site site;
	site_init(&site, &api, &metrics, options->token, options->host);
	supervisor_init(&monitor.supervisor);
	int error = begin(&monitor, &site.http, failure);

	if (!error)
		error = serve(&monitor, failure);
	supervisor_tell(&monitor.supervisor, "STOPPING=1");
	looks_release(&monitor.looks);
	inquiries_release(&monitor.inquiries);
	reports_free(monitor.reports);
	delivery_free(monitor.alerts.hook);
	delivery_free(monitor.alerts.webhook);
	http_free(monitor.http);
	loop_free(monitor.loop);
	roster_release(&monitor.roster);
	supervisor_release(&monitor.supervisor);
	return error;
}
