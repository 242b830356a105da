// SPDX-License-Identifier: BSD-2-Clause
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

/* The second number of a thread's schedstat, in nanoseconds; it is there with CONFIG_SCHED_INFO. */
static double read_waited_s(const char *tasks, const char *thread)
{
	unsigned long long ran, waited = 0;
	char path[4096 + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.32s/schedstat", tasks, thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return (double)waited / 1e9;
}

static double sum_waited_s(const struct procfs *procfs, pid_t pid)
{
	const struct dirent *entry;
	char tasks[4096];
	double sum = 0;
	DIR *directory;

	snprintf(tasks, sizeof(tasks), "%s/%d/task", procfs->root, (int)pid);
	directory = opendir(tasks);
	if (!directory)
		return 0;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			sum += read_waited_s(tasks, entry->d_name);
	closedir(directory);
	return sum;
}

int usage_read(const struct procfs *procfs, pid_t pid, struct usage *usage)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return -ESRCH;
	usage->cpu_s = (double)used.tv_sec + (double)used.tv_nsec / 1e9;
	usage->waited_s = sum_waited_s(procfs, pid);
	return 0;
}

/* The waiting of a thread that ended in between is lost with it. */
void usage_add(struct usage *sum, const struct usage *before, const struct usage *after)
{
	sum->cpu_s += after->cpu_s - before->cpu_s;
	if (after->waited_s > before->waited_s)
		sum->waited_s += after->waited_s - before->waited_s;
}
