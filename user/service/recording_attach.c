/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan is made of what is known, and carried out. What recording each block of an
 * interpreter costs is seen only then: where that is too much, it is one more thing that is
 * known, and there is another plan.
 */
#include "recording_internal.h"

#include "../evidence/sources.h"
#include "../plan/share.h"
#include "../tracer/trial.h"

#define CORE_PERCENT_TOLD 1 /* of it: less is not worth a line */

static struct window_terms window_terms(const struct recording *recording)
{
	const struct recording_config *config = &recording->config;
	double percent = config->command ? -1 : recording->estimated.slowdown_percent;

	if (!recording->plan.windows)
		return (struct window_terms){0};
	return (struct window_terms){
		.share = config->how.budget / 100,
		.length_ns = plan_window_ns(&config->how, percent, config->duration_ns),
	};
}

static int begin_windows(struct recording *recording, struct failure *failure)
{
	const struct recording_config *config = &recording->config;
	const struct windows_config windows = {
		.procfs = recording->procfs,
		.loop = recording->reading.loop,
		.tracer = recording->tracer,
		.duration_ns = config->duration_ns,
		.asked_percent = config->how.budget,
		.call = recording->estimated.call,
	};

	if (!recording->plan.windows)
		return 0;
	recording->windows = windows_new(&windows);
	return recording->windows ? 0 : failure_set(failure, STATUS_FAILURE, "out of memory");
}

/* Opens a tracer by a plan that is made anew; the one before is closed. */
static int open_tracer(struct recording *recording, struct failure *failure)
{
	const struct recording_config *config = &recording->config;

	tracer_close(recording->tracer);
	recording->cost.nops_emulated = estimate_nops_emulated(&recording->estimated.traps);
	plan_make(&recording->plan, &evidence_sources, &config->how, &recording->cost);
	const struct tracer_config tracer = {
		.attach = recording->attach,
		.sites = config->how.sites,
		.follow_forks = config->follow_forks,
		.peak = config->how.peak,
		.malloc_off = !recording->plan.malloc,
		.growth = recording->plan.growth,
		.windows = window_terms(recording),
		.frequent = recording->frequent,
		.python = recording->plan.python,
		.native_interpreter = config->native_interpreter,
		.max_blocks = config->max_blocks,
		.max_stacks = config->max_stacks,
		.loop = recording->reading.loop,
		.listener = config->listener,
	};

	recording->tracer =
		tracer_open(&tracer, recording->procfs, recording->reading.confined, failure);
	return recording->tracer ? 0 : -1;
}

/* Opens the ledger, right after a look at what the memory is by now. */
static void begin(struct recording *recording, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		footprints_begin(recording->footprints, pids[i]);
	tracer_start(recording->tracer);
}

static const struct over_budget *find_over(const struct recording *recording, pid_t pid)
{
	for (size_t i = 0; i < recording->over_count; i++)
		if (recording->over[i].pid == pid)
			return &recording->over[i];
	return NULL;
}

/* Goes over to windows, where a process is rather recorded so: then there
 * is another plan to be made. */
static bool take_windows(struct recording *recording, pid_t pid, bool sees_objects)
{
	const struct over_budget *over = find_over(recording, pid);
	const struct reason_words words = {
		.pid = (int)pid,
		.percent = over ? over->percent : recording->estimated.slowdown_percent,
	};

	if (!plan_prefers_windows(&recording->plan, &recording->config.how, over, sees_objects))
		return false;
	recording_tell_reason(recording, REASON_WINDOWS_INSTEAD, &words);
	recording->config.how.budget = BUDGET_PERCENT;
	return true;
}

/* Without malloc's calls a process is recorded for its objects. */
static int check_objects(const struct recording *recording, pid_t pid, struct failure *failure)
{
	const struct reason_words words = {.pid = (int)pid,
					   .percent = recording->estimated.slowdown_percent};

	return reason_fail(plan_seen(&recording->plan, &recording->config.how,
				     tracer_sees_objects(recording->tracer, pid)),
			   &words, failure);
}

static int attach_one(struct recording *recording, pid_t pid, void *context,
		      struct failure *failure)
{
	bool *again = context;

	if (*again)
		return 0;
	if (target_check_exists(recording->procfs, pid, failure) ||
	    tracer_add_process(recording->tracer, pid, failure) ||
	    tracer_attach(recording->tracer, pid, failure) < 0)
		return -1;
	*again = take_windows(recording, pid, tracer_sees_objects(recording->tracer, pid));
	return *again ? 0 : check_objects(recording, pid, failure);
}

static int attach_all(struct recording *recording, bool *again, struct failure *failure)
{
	*again = false;
	if (recording_each(recording, attach_one, again, failure))
		return -1;
	if (*again)
		return 0;
	for (int i = 0; i < PLAN_NOTES_MAX; i++)
		recording_tell_reason(recording, recording->plan.notes[i], NULL);
	begin(recording, recording->list.pids, recording->list.count);
	return begin_windows(recording, failure);
}

/* What was told before is of malloc's calls alone. */
static void tell_objects(const struct recording *recording, const struct trial *trial)
{
	const struct event event = {
		.kind = EVENT_COST_WITH_OBJECTS,
		.calls_per_s = trial->calls_per_s,
		.percent = trial->calls_per_s * recording->estimated.call.cost_ns / 1e7,
	};

	if (event.percent >= CORE_PERCENT_TOLD)
		event_tell(recording->config.listener, &event);
}

/* *again: there is another plan to be made. */
static int try_objects(struct recording *recording, bool *again, struct failure *failure)
{
	enum site_kind costliest;
	struct trial trial;
	struct ruling ruling;

	*again = false;
	if (!tracer_exact_python(recording->tracer, &costliest))
		return 0;
	recording_cost_of_python(&recording->estimated, costliest);
	if (recording->config.how.exact)
		return 0;
	const struct trial_config config = {
		.procfs = recording->procfs,
		.tracer = recording->tracer,
		.loop = recording->reading.loop,
		.waiting = recording->waiting,
		.pids = recording->list.pids,
		.pid_count = recording->list.count,
		.call_cost_ns = recording->estimated.call.cost_ns,
	};

	if (!trial_run(&trial, &config))
		return 0;
	const struct reason_words words = {.calls_per_s = trial.calls_per_s,
					   .percent = trial.slowdown_percent};

	ruling = plan_objects(&recording->config.how, trial.slowdown_percent);
	recording_tell_reason(recording, ruling.note, &words);
	if (ruling.note == REASON_NONE)
		tell_objects(recording, &trial);
	recording->cost.objects_are_dear |= ruling.dear;
	*again = ruling.dear;
	return reason_fail(ruling.refusal, &words, failure);
}

static int attach_running(struct recording *recording, struct failure *failure)
{
	bool again;

	/* where only calls are asked for, nothing more can be found out */
	for (size_t i = 0; i < recording->over_count; i++)
		if (recording->config.how.python == PYTHON_OFF)
			take_windows(recording, recording->over[i].pid, false);
	do {
		if (open_tracer(recording, failure) || attach_all(recording, &again, failure) ||
		    (!again && try_objects(recording, &again, failure)))
			return -1;
	} while (again);
	return 0;
}

/* The command's image is there, stopped: trace it before any of its code runs. */
static int command_mapped(void *context, pid_t pid, struct failure *failure)
{
	struct recording *recording = context;

	if (!tracer_alive(recording->tracer)) {
		if (tracer_add_process(recording->tracer, pid, failure))
			return -1;
		begin(recording, &pid, 1);
		if (begin_windows(recording, failure))
			return -1;
	}
	return tracer_attach(recording->tracer, pid, failure) < 0 ? -1 : 0;
}

static int start_command(struct recording *recording, struct failure *failure)
{
	if (open_tracer(recording, failure) ||
	    spawn_prepare(&recording->spawn, recording->config.command, failure))
		return -1;
	return spawn_run(&recording->spawn, recording->procfs, command_mapped, recording, failure);
}

int recording_attach(struct recording *recording, struct failure *failure)
{
	return recording->config.command ? start_command(recording, failure)
					 : attach_running(recording, failure);
}
