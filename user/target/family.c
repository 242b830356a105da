// SPDX-License-Identifier: BSD-2-Clause
#include "family.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "../lib/array.h"

static bool is_among(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static int append_children_of_thread(const char *tasks, const char *thread, pid_t **pids,
				     size_t *count)
{
	char path[4096 + 64];
	int child, error = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.32s/children", tasks, thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!error && fscanf(file, "%d", &child) == 1)
		if (!is_among(*pids, *count, child) && !array_append(pids, count, (pid_t)child))
			error = -ENOMEM;
	fclose(file);
	return error;
}

static int append_children(const struct procfs *procfs, pid_t pid, pid_t **pids, size_t *count)
{
	const struct dirent *entry;
	char tasks[4096];
	DIR *directory;
	int error = 0;

	snprintf(tasks, sizeof(tasks), "%s/%d/task", procfs->root, (int)pid);
	directory = opendir(tasks);
	if (!directory)
		return 0;
	while (!error && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			error = append_children_of_thread(tasks, entry->d_name, pids, count);
	closedir(directory);
	return error;
}

int family_append(const struct procfs *procfs, pid_t **pids, size_t *count)
{
	int error = 0;

	for (size_t i = 0; i < *count && !error; i++)
		error = append_children(procfs, (*pids)[i], pids, count);
	return error;
}
