/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu_clocks.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "../lib/array.h"
#include "../lib/clock.h"

struct cpu_clock {
	pid_t pid;
	clockid_t clock;
	uint64_t used_ns; /* when it was last looked at, */
	uint64_t at_ns;   /* which was then */
	bool ended;
};

/* Who holds the lock runs on, whoever waits for it: a window is open meanwhile. */
int cpu_clocks_init(struct cpu_clocks *clocks)
{
	pthread_mutexattr_t attributes;
	int error;

	*clocks = (struct cpu_clocks){0};
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	error = pthread_mutex_init(&clocks->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return -error;
}

void cpu_clocks_release(struct cpu_clocks *clocks)
{
	pthread_mutex_destroy(&clocks->lock);
	free(clocks->items);
	*clocks = (struct cpu_clocks){0};
}

/* A clock that goes back is another process's, of the same number. */
static bool look(struct cpu_clock *one)
{
	struct timespec time;

	if (one->ended || clock_gettime(one->clock, &time) || clock_ns_of(&time) < one->used_ns)
		return false;
	one->used_ns = clock_ns_of(&time);
	one->at_ns = clock_ns(CLOCK_MONOTONIC);
	return true;
}

static struct cpu_clock *find(struct cpu_clocks *clocks, pid_t pid)
{
	for (size_t i = 0; i < clocks->count; i++)
		if (clocks->items[i].pid == pid && !clocks->items[i].ended)
			return &clocks->items[i];
	return NULL;
}

int cpu_clocks_add(struct cpu_clocks *clocks, pid_t pid)
{
	struct cpu_clock fresh = {.pid = pid};
	int error = 0;

	pthread_mutex_lock(&clocks->lock);
	if (!find(clocks, pid)) {
		if (clock_getcpuclockid(pid, &fresh.clock) || !look(&fresh))
			error = -ESRCH;
		else if (!array_append(&clocks->items, &clocks->count, fresh))
			error = -ENOMEM;
	}
	pthread_mutex_unlock(&clocks->lock);
	return error;
}

void cpu_clocks_drop(struct cpu_clocks *clocks, pid_t pid)
{
	struct cpu_clock *one;

	pthread_mutex_lock(&clocks->lock);
	one = find(clocks, pid);
	if (one)
		one->ended = true;
	pthread_mutex_unlock(&clocks->lock);
}

uint64_t cpu_clocks_read(struct cpu_clocks *clocks, bool charge)
{
	uint64_t sum;
	size_t kept = 0;

	pthread_mutex_lock(&clocks->lock);
	sum = clocks->gone_ns;
	for (size_t i = 0; i < clocks->count; i++) {
		struct cpu_clock one = clocks->items[i];
		bool there = look(&one);

		if (!there && charge)
			one.used_ns += clock_ns(CLOCK_MONOTONIC) - one.at_ns;
		if (there)
			clocks->items[kept++] = one;
		else
			clocks->gone_ns += one.used_ns;
		sum += one.used_ns;
	}
	clocks->count = kept;
	pthread_mutex_unlock(&clocks->lock);
	return sum;
}
