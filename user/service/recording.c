/* SPDX-License-Identifier: BSD-2-Clause */
#include "recording_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../lib/clock.h"
#include "../memory/budget.h"
#include "reachability.h"
#include "survey.h"

struct recording *recording_new(const struct recording_config *config, const struct procfs *procfs,
				struct failure *failure)
{
	struct recording *recording = calloc(1, sizeof(*recording));

	if (!recording) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	recording->config = *config;
	recording->config.how.there = !config->command && !config->follow_forks;
	recording->procfs = procfs;
	if (!reading_begin(&recording->reading, failure))
		return recording;
	free(recording);
	return NULL;
}

void recording_free(struct recording *recording)
{
	if (!recording)
		return;
	windows_free(recording->windows);
	tracer_close(recording->tracer);
	waiting_free(recording->waiting);
	footprints_free(recording->footprints);
	since_free(recording->since);
	spawn_release(&recording->spawn);
	reading_end(&recording->reading);
	target_list_release(&recording->list);
	free(recording->over);
	free(recording);
}

static void tell(const struct recording *recording, struct event event)
{
	event_tell(recording->config.listener, &event);
}

int recording_each(struct recording *recording, recording_act_fn *act, void *context,
		   struct failure *failure)
{
	struct target_list *list = &recording->list;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		pid_t pid = list->pids[i];

		list->pids[kept] = pid;
		if (!act(recording, pid, context, failure)) {
			kept++;
			continue;
		}
		if (i < list->needed)
			return -1;
		tell(recording,
		     (struct event){.kind = EVENT_LEFT_OUT, .pid = (int)pid, .failure = failure});
	}
	list->count = kept;
	return kept || recording->config.command ? 0 : -1;
}

void recording_tell_reason(const struct recording *recording, enum reason reason,
			   const struct reason_words *words)
{
	if (reason != REASON_NONE)
		tell(recording,
		     (struct event){.kind = EVENT_REASON, .reason = reason, .words = words});
}

/* What reports are made with. */
static int prepare(struct recording *recording, struct failure *failure)
{
	const struct recording_config *config = &recording->config;

	recording->footprints = footprints_new(recording->procfs, recording->reading.confined);
	recording->since = config->interval_ns ? since_new() : NULL;
	if (!recording->footprints || (config->interval_ns && !recording->since))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	recording->waiting =
		waiting_new(recording->reading.loop, config->duration_ns, config->interval_ns);
	if (!recording->waiting)
		return failure_set(failure, STATUS_FAILURE, "cannot set timers: %s",
				   strerror(errno));
	return 0;
}

int recording_begin(struct recording *recording, struct failure *failure)
{
	if (recording_survey(recording, failure) || prepare(recording, failure))
		return -1;
	return recording_attach(recording, failure);
}

/* --- what is told --- */

static void tell_stopped(struct recording *recording)
{
	for (size_t i = 0; i < recording->list.count && !recording->told_stopped; i++)
		recording->told_stopped = survey_tell_stopped(
			recording->procfs, recording->list.pids[i], recording->config.listener);
}

void recording_announce(struct recording *recording)
{
	bool command = recording->config.command;

	for (size_t i = 0; i < (command ? 1 : recording->list.count); i++) {
		if (i == RECORDING_NAMED_MAX && i + 1 < recording->list.count) {
			tell(recording, (struct event){.kind = EVENT_TRACING_MORE,
						       .count = recording->list.count - i});
			break;
		}
		pid_t pid = command ? recording->spawn.pid : recording->list.pids[i];
		struct process_status status = {.comm = "?"};

		procfs_read_status(recording->procfs, pid, &status);
		tell(recording,
		     (struct event){.kind = EVENT_TRACING, .pid = (int)pid, .comm = status.comm});
	}
	tell_stopped(recording);
}

/* Of the targets; a command's end is told when all is over. */
static void tell_ends(const struct recording *recording)
{
	pid_t pid;
	int status;

	while (tracer_next_end(recording->tracer, &pid, &status))
		if (!recording->config.command)
			tell(recording, (struct event){.kind = EVENT_ENDED,
						       .pid = (int)pid,
						       .status = status});
}

/* Where the command was seen to end, it can be waited for. */
void recording_end(const struct recording *recording)
{
	const struct spawn *spawn = &recording->spawn;
	int status;

	if (!recording->config.command)
		return;
	if (waitpid(spawn->pid, &status, tracer_alive(recording->tracer) ? WNOHANG : 0) ==
	    spawn->pid)
		tell(recording, (struct event){.kind = EVENT_COMMAND_ENDED,
					       .command = spawn->command,
					       .status = status});
	else
		tell(recording, (struct event){.kind = EVENT_COMMAND_RUNS_ON,
					       .command = spawn->command,
					       .pid = (int)spawn->pid});
}

/* --- reports --- */

bool recording_wait(struct recording *recording)
{
	struct confined *confined = recording->reading.confined;

	confined_give_up_if(confined, waiting_over(recording->waiting), false);
	bool more = waiting_next(recording->waiting, recording->tracer) == WAIT_INTERVAL;

	/* the last report is made of all that there is; who is in a
	 * hurry does without the network */
	if (!more)
		confined_give_up_if(confined, waiting_hurried(recording->waiting), true);
	tell_ends(recording);
	tell_stopped(recording);
	return more;
}

/* NULL where nobody asked. The last report judges again what another one was ended at. */
static struct judged_blocks *judge_blocks(struct recording *recording, bool last)
{
	const struct recording_config *config = &recording->config;
	struct reachability_request request = {
		.procfs = recording->procfs,
		.confined = recording->reading.confined,
		.tracer = recording->tracer,
		.budget_bytes = config->max_memory_bytes,
		.freeze = config->how.freeze,
		.loop = recording->reading.loop,
		.waiting = last ? NULL : recording->waiting,
	};

	if (!config->how.reachability || !recording->plan.malloc)
		return NULL;
	if (!request.budget_bytes)
		request.budget_bytes = budget_default();
	struct judged_blocks *judged = reachability_find(&request);

	if (!judged)
		tell(recording, (struct event){.kind = EVENT_NOT_JUDGED});
	return judged;
}

static void fill_cost(const struct recording *recording, struct snapshot *snapshot)
{
	double wall_s = (double)tracer_duration_ns(recording->tracer) / 1e9;
	double calls = (double)tracer_calls(recording->tracer);
	struct usage used;
	bool known = footprints_used(recording->footprints, &used);

	if (recording->windows) {
		windows_fill(recording->windows, snapshot);
		snapshot->overhead_percent = snapshot->windows.spent_percent;
		return;
	}
	if (recording->plan.growth) {
		recording_cost_fill_added(tracer_growth_cost_s(recording->tracer), wall_s,
					  known ? used.cpu_s : 0, snapshot);
		return;
	}
	recording_cost_fill(&recording->estimated, wall_s, calls, known ? &used : NULL, snapshot);
}

/* For files that have to be read to see what a target holds, where another report follows. */
#define FOOTPRINT_NS UINT64_C(200000000)

/* Without what they tell a report has sums, not what is in them. */
static void limit_reading(const struct recording *recording, bool last)
{
	confined_wait_until(recording->reading.confined,
			    last ? 0 : clock_ns(CLOCK_MONOTONIC) + FOOTPRINT_NS);
}

static void measure(struct recording *recording, bool last)
{
	limit_reading(recording, last);
	footprints_measure(recording->footprints, last);
	confined_wait_until(recording->reading.confined, 0);
}

/* The same, of targets that were not there to be measured. */
static void fill_measured(struct recording *recording, bool last, struct snapshot *snapshot)
{
	limit_reading(recording, last);
	footprints_fill(recording->footprints, snapshot);
	confined_wait_until(recording->reading.confined, 0);
}

/* What is lost is looked for while the targets are traced: by the end they may be gone. */
struct snapshot *recording_report(struct recording *recording, bool last)
{
	struct judged_blocks *judged = judge_blocks(recording, last);
	struct row_growth *growth = NULL;
	struct snapshot *snapshot;

	if (last)
		tracer_halt(recording->tracer);
	measure(recording, last);
	if (recording->windows) {
		growth = windows_rows(recording->windows);
		if (!growth)
			return NULL;
	}
	if (last)
		tracer_stop(recording->tracer);
	snapshot = tracer_snapshot(recording->tracer, recording->config.older_than_ns, judged,
				   growth, recording->since);
	free(growth);
	reachability_free(judged);
	if (!snapshot)
		return NULL;
	fill_measured(recording, last, snapshot);
	fill_cost(recording, snapshot);
	return snapshot;
}
