/* SPDX-License-Identifier: BSD-2-Clause */
#include "usage.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "../lib/clock.h"

struct thread_sums {
	const struct procfs *procfs;
	pid_t pid;
	double waited_s;
	double sleeps;
};

/* The second number of a thread's schedstat, in nanoseconds; it is there with CONFIG_SCHED_INFO. */
static double read_waited_s(const struct thread_sums *sums, pid_t thread)
{
	FILE *file = procfs_open_of_thread(sums->procfs, sums->pid, thread, "schedstat");
	unsigned long long ran, waited = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return (double)waited / 1e9;
}

static double read_sleeps(const struct thread_sums *sums, pid_t thread)
{
	FILE *file = procfs_open_of_thread(sums->procfs, sums->pid, thread, "status");
	unsigned long long sleeps = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &sleeps) == 1)
			break;
	fclose(file);
	return (double)sleeps;
}

static int add_thread(void *context, pid_t thread)
{
	struct thread_sums *sums = context;

	sums->waited_s += read_waited_s(sums, thread);
	sums->sleeps += read_sleeps(sums, thread);
	return 0;
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
	struct thread_sums sums = {.procfs = procfs, .pid = pid};
	struct timespec used;
	clockid_t clock;

	procfs_each_thread(procfs, pid, add_thread, &sums);
	double transfers = read_transfers(procfs, pid);
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return -ESRCH;
	usage->cpu_s = (double)used.tv_sec + (double)used.tv_nsec / 1e9;
	usage->wall_s = clock_s(CLOCK_MONOTONIC);
	usage->waited_s = sums.waited_s;
	usage->sleeps = sums.sleeps;
	usage->transfers = transfers;
	return 0;
}

/* What a thread that ended in between waited and slept is lost with it. */
void usage_add(struct usage *sum, const struct usage *before, const struct usage *after)
{
	sum->cpu_s += after->cpu_s - before->cpu_s;
	sum->wall_s += after->wall_s - before->wall_s;
	sum->transfers += after->transfers - before->transfers;
	if (after->sleeps > before->sleeps)
		sum->sleeps += after->sleeps - before->sleeps;
	if (after->waited_s > before->waited_s)
		sum->waited_s += after->waited_s - before->waited_s;
}
