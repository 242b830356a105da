// SPDX-License-Identifier: BSD-2-Clause
#include "family.h"

#include <errno.h>
#include <stdio.h>

#include "../lib/array.h"

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
