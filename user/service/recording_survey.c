/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of targets before anything is attached to them, and what it means for the plan. */
#include "recording_internal.h"

#include <stdlib.h>

#include "../lib/array.h"
#include "survey.h"

#define ESTIMATE_WINDOW_MS  200
#define ESTIMATE_LONGEST_MS 2000

struct checks {
	struct target_check *items; /* one a process */
	size_t count;
};

static int check_safety(struct recording *recording, pid_t pid, void *context,
			struct failure *failure)
{
	(void)context;
	return survey_process(recording->procfs, &recording->config.how, &recording->kernel, pid,
			      failure);
}

static const struct target_check *find_check(const struct checks *checks, pid_t pid)
{
	for (size_t i = 0; i < checks->count; i++)
		if (checks->items[i].pid == pid)
			return &checks->items[i];
	return NULL;
}

/* Whether malloc's calls are going to be recorded, by what is known so far. */
static bool wants_malloc(const struct recording *recording)
{
	return recording->config.how.malloc != MALLOC_OFF && !recording->cost.malloc_is_dear;
}

static void tell_cost(const struct recording *recording, pid_t pid, const struct estimate *estimate)
{
	const struct event event = {
		.kind = EVENT_COST,
		.pid = (int)pid,
		.calls_per_s = estimate->calls_per_s,
		.estimate = estimate,
	};

	event_tell(recording->config.listener, &event);
}

static void tell_cost_of_all(const struct recording *recording)
{
	const struct event event = {
		.kind = EVENT_COST_OF_ALL,
		.count = recording->list.count,
		.calls_per_s = recording->estimated.calls_per_s,
		.percent = recording->estimated.slowdown_percent,
	};

	event_tell(recording->config.listener, &event);
}

/* Calls a second; the probes of a function with fewer cost less than windows would for it. */
#define FREQUENT 100

/* malloc and free are so at any rate. */
static void note_frequent(struct recording *recording, const struct estimate *estimate)
{
	static const char *const always[] = {"malloc", "free"};
	bool *frequent = recording->frequent.of;

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		frequent[alloc_function_number(alloc_function_find(always[i]))] = true;
	for (size_t i = 0; i < estimate->rate_count; i++)
		if (estimate->rates[i].calls_per_s >= FREQUENT)
			frequent[alloc_function_number(estimate->rates[i].site->function)] = true;
}

static int check_cost(struct recording *recording, pid_t pid, void *context,
		      struct failure *failure)
{
	const struct target_check *check = find_check(context, pid);
	const struct reason_words words = {.pid = (int)pid,
					   .percent = check->estimate.slowdown_percent};
	struct ruling ruling;

	if (survey_check(check, failure))
		return -1;
	recording_cost_add(&recording->estimated, &check->estimate);
	note_frequent(recording, &check->estimate);
	if (wants_malloc(recording) && recording->list.count <= RECORDING_NAMED_MAX)
		tell_cost(recording, pid, &check->estimate);
	ruling = plan_malloc(&recording->config.how, words.percent);
	recording->cost.malloc_is_dear |= ruling.dear;
	if (ruling.over &&
	    !array_append(&recording->over, &recording->over_count,
			  ((struct over_budget){.pid = pid, .percent = words.percent})))
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	return reason_fail(ruling.refusal, &words, failure);
}

/* All are watched at once: of many workers each would else wait for its turn. */
static int make_checks(struct recording *recording, struct checks *checks, struct failure *failure)
{
	struct check_request request = {
		.procfs = recording->procfs,
		.confined = recording->reading.confined,
		.kind = recording->attach,
		.entry_sites = recording->config.how.sites == SITES_ENTRY,
		.everyone = recording->config.follow_forks, /* as the recording's own probes */
		.window = {ESTIMATE_WINDOW_MS, ESTIMATE_LONGEST_MS},
		.loop = recording->reading.loop,
	};

	if (recording->config.how.exact) /* nothing hangs on it */
		request.window.most_ms = request.window.least_ms;
	checks->items = calloc(recording->list.count + 1, sizeof(*checks->items));
	if (!checks->items)
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	checks->count = recording->list.count;
	for (size_t i = 0; i < checks->count; i++)
		checks->items[i].pid = recording->list.pids[i];
	return target_checks_make(checks->items, checks->count, &request, failure);
}

static int check_targets(struct recording *recording, struct failure *failure)
{
	struct checks checks = {0};
	int error = recording_each(recording, check_safety, NULL, failure);

	if (recording->config.how.growth) /* what it costs is seen to on the way */
		return error;
	if (!error)
		error = make_checks(recording, &checks, failure);
	if (!error)
		error = recording_each(recording, check_cost, &checks, failure);
	if (!error && wants_malloc(recording) && recording->list.count > RECORDING_NAMED_MAX)
		tell_cost_of_all(recording);
	target_checks_release(checks.items, checks.count);
	free(checks.items);
	return error;
}

/* Of a command nothing is known but what a probe costs here. */
static int check_traps(struct recording *recording, struct failure *failure)
{
	const struct request *how = &recording->config.how;

	if (!recording->config.command || how->growth ||
	    (how->python == PYTHON_OFF && !how->budget))
		return 0;
	if (estimate_trap_costs(recording->attach, &recording->estimated.traps, failure))
		return -1;
	if (how->budget > 0) {
		recording_cost_of_unknown(&recording->estimated);
		note_frequent(recording, &(struct estimate){0});
	}
	return 0;
}

static int list_targets(struct recording *recording, struct failure *failure)
{
	const struct recording_config *config = &recording->config;

	for (size_t i = 0; i < config->pid_count && config->by_number; i++)
		if (target_check_exists(recording->procfs, config->pids[i], failure))
			return -1;
	if (survey_kernel(&recording->kernel, &config->how, &recording->attach, failure))
		return -1;
	const struct target_list_request request = {
		.pids = config->pids,
		.count = config->pid_count,
		.by_number = config->by_number,
		.follow_forks = config->follow_forks,
		.listener = config->listener,
	};

	return target_list_fill(&recording->list, recording->procfs, &request, failure);
}

int recording_survey(struct recording *recording, struct failure *failure)
{
	kernel_probe(&recording->kernel);
	if (list_targets(recording, failure) || check_targets(recording, failure))
		return -1;
	return check_traps(recording, failure);
}
