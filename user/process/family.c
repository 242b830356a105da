/* SPDX-License-Identifier: BSD-2-Clause */
#include "family.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"

enum { GROUPS_BYTES = 8192 };

struct family {
	const struct procfs *procfs;
	pid_t parent; /* whose children are looked for */
	pid_t **pids;
	size_t *count;
};

static bool is_known(const struct family *family, pid_t pid)
{
	for (size_t i = 0; i < *family->count; i++)
		if ((*family->pids)[i] == pid)
			return true;
	return false;
}

static int append_children_of(void *context, pid_t thread)
{
	struct family *family = context;
	FILE *file = procfs_open_of_thread(family->procfs, family->parent, thread, "children");
	int child, error = 0;

	if (!file)
		return 0;
	while (!error && fscanf(file, "%d", &child) == 1)
		if (!is_known(family, child) &&
		    !array_append(family->pids, family->count, (pid_t)child))
			error = -ENOMEM;
	fclose(file);
	return error;
}

int family_append(const struct procfs *procfs, pid_t **pids, size_t *count)
{
	struct family family = {.procfs = procfs, .pids = pids, .count = count};

	for (size_t i = 0; i < *count; i++) {
		family.parent = (*pids)[i];
		if (procfs_each_thread(procfs, family.parent, append_children_of, &family) ==
		    -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

static bool same_program(const struct procfs *procfs, pid_t a, pid_t b)
{
	char *left = procfs_read_exe(procfs, a), *right = procfs_read_exe(procfs, b);
	bool same = left && right && !strcmp(left, right);

	free(left);
	free(right);
	return same;
}

static size_t read_groups(const struct procfs *procfs, pid_t pid, char *text, size_t size)
{
	FILE *file = procfs_open_of_process(procfs, pid, "cgroup");
	size_t length;

	if (!file)
		return 0;
	length = fread(text, 1, size, file);
	fclose(file);
	return length;
}

static bool same_cgroup(const struct procfs *procfs, pid_t a, pid_t b)
{
	char left[GROUPS_BYTES], right[GROUPS_BYTES];
	size_t left_size = read_groups(procfs, a, left, sizeof(left));
	size_t right_size = read_groups(procfs, b, right, sizeof(right));

	return left_size == right_size && !memcmp(left, right, left_size);
}

/* What Python's multiprocessing starts to tidy up behind a program, uvicorn's and joblib's masters
 * for two: it runs the same interpreter, and serves nobody. */
bool family_is_helper(const struct procfs *procfs, pid_t pid)
{
	static const char *const mains[] = {
		"from multiprocessing.resource_tracker import main",
		"from multiprocessing.semaphore_tracker import main",
		"from multiprocessing.forkserver import main",
		"from joblib.externals.loky.backend.resource_tracker import main",
	};
	size_t count = 0;
	char **arguments = procfs_read_cmdline(procfs, pid, &count);
	bool found = false;

	for (size_t i = 0; arguments && i + 1 < count && !found; i++)
		for (size_t j = 0; j < sizeof(mains) / sizeof(*mains); j++)
			found |= !strcmp(arguments[i], "-c") &&
				 !strncmp(arguments[i + 1], mains[j], strlen(mains[j]));
	free(arguments);
	return found;
}

bool family_is_worker(const struct procfs *procfs, pid_t master, pid_t pid)
{
	return same_program(procfs, master, pid) && !family_is_helper(procfs, pid) &&
	       (master != 1 || same_cgroup(procfs, master, pid));
}

static bool is_fork(const struct procfs *procfs, pid_t origin, pid_t pid)
{
	struct process_status left, right;

	return !procfs_read_status(procfs, origin, &left) &&
	       !procfs_read_status(procfs, pid, &right) && left.stack_start &&
	       left.stack_start == right.stack_start && left.code_start == right.code_start &&
	       same_program(procfs, origin, pid);
}

static size_t list_descendants(const struct procfs *procfs, pid_t origin,
			       bool (*is_wanted)(const struct procfs *procfs, pid_t origin,
						 pid_t pid),
			       pid_t **pids)
{
	pid_t *all = NULL;
	size_t count = 0, kept = 0;

	*pids = NULL;
	if (!array_append(&all, &count, origin) || family_append(procfs, &all, &count) < 0) {
		free(all);
		return 0;
	}
	for (size_t i = 1; i < count; i++)
		if (is_wanted(procfs, origin, all[i]))
			all[kept++] = all[i];
	*pids = all;
	return kept;
}

size_t family_list_forks(const struct procfs *procfs, pid_t pid, pid_t **pids)
{
	return list_descendants(procfs, pid, is_fork, pids);
}

size_t family_list_workers(const struct procfs *procfs, pid_t master, pid_t **pids)
{
	return list_descendants(procfs, master, family_is_worker, pids);
}
