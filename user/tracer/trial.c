// SPDX-License-Identifier: BSD-2-Clause
#include "trial.h"

#include <stdlib.h>
#include <time.h>

#include "../lib/clock.h"
#include "../probes/overhead.h"

#define ROUNDS     10
#define ROUNDS_MAX 50
#define ROUND_NS   20000000
#define ENOUGH_S   0.05

/* What the processes have used since `before`. */
static struct usage used_since(const struct procfs *procfs, const pid_t *pids, size_t pid_count,
			       const struct usage *before)
{
	struct usage used = {0}, now;

	for (size_t i = 0; before && i < pid_count; i++)
		if (!usage_read(procfs, pids[i], &now))
			usage_add(&used, &before[i], &now);
	return used;
}

/* Of processes that wait for a processor most of the time, a moment says nothing. */
static bool is_starved(const struct usage *used)
{
	return used->cpu_s < ENOUGH_S && used->waited_s > used->cpu_s;
}

void trial_run(struct trial *trial, const struct procfs *procfs, struct tracer *tracer,
	       const pid_t *pids, size_t pid_count, double call_cost_ns)
{
	const struct timespec pause = {.tv_nsec = ROUND_NS};
	struct usage used = {0}, *before = calloc(pid_count, sizeof(*before));
	double start = clock_s(CLOCK_MONOTONIC), wall_s, added_s;
	uint64_t calls = tracer_calls(tracer);

	*trial = (struct trial){0};
	for (size_t i = 0; before && i < pid_count; i++)
		usage_read(procfs, pids[i], &before[i]);
	for (int i = 0; i < ROUNDS || (i < ROUNDS_MAX && is_starved(&used)); i++) {
		nanosleep(&pause, NULL);
		tracer_drain(tracer);
		if (i + 1 >= ROUNDS)
			used = used_since(procfs, pids, pid_count, before);
	}
	free(before);
	wall_s = clock_s(CLOCK_MONOTONIC) - start;
	added_s = (double)(tracer_calls(tracer) - calls) * call_cost_ns / 1e9;
	trial->calls_per_s = (double)(tracer_calls(tracer) - calls) / wall_s;
	if (used.cpu_s > 0)
		trial->slowdown_percent = overhead_slowdown(
			added_s, overhead_left(used.cpu_s, added_s), &used, wall_s);
}
