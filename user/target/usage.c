// SPDX-License-Identifier: BSD-2-Clause
#include "usage.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "../lib/clock.h"

struct waiting_sum {
	const struct procfs *procfs;
	pid_t pid;
	double seconds;
};

/* The second number of a thread's schedstat, in nanoseconds; it is there with CONFIG_SCHED_INFO. */
static int add_waited(void *context, pid_t thread)
{
	struct waiting_sum *sum = context;
	FILE *file = procfs_open_of_thread(sum->procfs, sum->pid, thread, "schedstat");
	unsigned long long ran, waited;

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waited) == 2)
		sum->seconds += (double)waited / 1e9;
	fclose(file);
	return 0;
}

static double sum_waited_s(const struct procfs *procfs, pid_t pid)
{
	struct waiting_sum sum = {.procfs = procfs, .pid = pid};

	procfs_each_thread(procfs, pid, add_waited, &sum);
	return sum.seconds;
}

/* syscr and syscw of PID/io, which is there with CONFIG_TASK_IO_ACCOUNTING. */
static double read_transfers(const struct procfs *procfs, pid_t pid)
{
	FILE *file = procfs_open_of_process(procfs, pid, "io");
	unsigned long long reads = 0, writes = 0;

	if (!file)
		return 0;
	if (fscanf(file, "rchar: %*u wchar: %*u syscr: %llu syscw: %llu", &reads, &writes) != 2)
		reads = writes = 0;
	fclose(file);
	return (double)reads + (double)writes;
}

int usage_read(const struct procfs *procfs, pid_t pid, struct usage *usage)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return -ESRCH;
	usage->cpu_s = (double)used.tv_sec + (double)used.tv_nsec / 1e9;
	usage->waited_s = sum_waited_s(procfs, pid);
	usage->transfers = read_transfers(procfs, pid);
	usage->wall_s = clock_s(CLOCK_MONOTONIC);
	return 0;
}

/* The waiting of a thread that ended in between is lost with it. */
void usage_add(struct usage *sum, const struct usage *before, const struct usage *after)
{
	sum->cpu_s += after->cpu_s - before->cpu_s;
	sum->wall_s += after->wall_s - before->wall_s;
	sum->transfers += after->transfers - before->transfers;
	if (after->waited_s > before->waited_s)
		sum->waited_s += after->waited_s - before->waited_s;
}
