/* SPDX-License-Identifier: BSD-2-Clause */
#include "trial.h"

#include <stdlib.h>

#include "../lib/clock.h"
#include "../probes/overhead.h"

#define ROUNDS     10
#define ROUNDS_MAX 50
#define ROUND_NS   20000000
#define ENOUGH_S   0.05

/* What the processes have used since `before`. */
static struct usage used_since(const struct trial_config *config, const struct usage *before)
{
	struct usage used = {0}, now;

	for (size_t i = 0; before && i < config->pid_count; i++)
		if (!usage_read(config->procfs, config->pids[i], &now))
			usage_add(&used, &before[i], &now);
	return used;
}

/* Of processes that wait for a processor most of the time, a moment says nothing. */
static bool is_starved(const struct usage *used)
{
	return used->cpu_s < ENOUGH_S && used->waited_s > used->cpu_s;
}

/* Returns false where it was interrupted. */
static bool watch(const struct trial_config *config, const struct usage *before, struct usage *used)
{
	for (int i = 0; i < ROUNDS || (i < ROUNDS_MAX && is_starved(used)); i++) {
		loop_rest(config->loop, clock_ns(CLOCK_MONOTONIC) + ROUND_NS);
		if (waiting_interrupted(config->waiting))
			return false;
		tracer_drain(config->tracer);
		if (i + 1 >= ROUNDS)
			*used = used_since(config, before);
	}
	return true;
}

bool trial_run(struct trial *trial, const struct trial_config *config)
{
	struct usage used = {0}, *before = calloc(config->pid_count, sizeof(*before));
	double start = clock_s(CLOCK_MONOTONIC), wall_s, added_s, calls;
	uint64_t calls_before = tracer_calls(config->tracer);
	bool whole;

	*trial = (struct trial){0};
	for (size_t i = 0; before && i < config->pid_count; i++)
		usage_read(config->procfs, config->pids[i], &before[i]);
	whole = watch(config, before, &used);
	free(before);
	wall_s = clock_s(CLOCK_MONOTONIC) - start;
	calls = (double)(tracer_calls(config->tracer) - calls_before);
	added_s = calls * config->call_cost_ns / 1e9;
	trial->calls_per_s = calls / wall_s;
	if (used.cpu_s > 0)
		trial->slowdown_percent =
			overhead_slowdown(added_s, overhead_left(used.cpu_s, added_s),
					  overhead_is_full(&used, wall_s), wall_s);
	return whole;
}
