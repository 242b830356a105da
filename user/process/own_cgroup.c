/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_cgroup.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

static bool has_us(const char *directory)
{
	char path[2 * PATH_MAX + 64];
	bool found = false;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fscanf(file, "%d", &pid) == 1)
		found = pid == getpid();
	fclose(file);
	return found;
}

static bool is_group(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && *entry->d_name != '.';
}

bool own_cgroup_find(char *path, size_t size, unsigned depth)
{
	size_t length = strlen(path);
	struct dirent *entry;
	bool found = false;

	if (depth == 0)
		return has_us(path);
	DIR *directory = depth <= DEPTH_MAX ? opendir(path) : NULL;
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		if (is_group(entry) && length + strlen(entry->d_name) + 2 <= size) {
			sprintf(path + length, "/%s", entry->d_name);
			found = own_cgroup_find(path, size, depth - 1);
		}
	closedir(directory);
	if (!found)
		path[length] = '\0';
	return found;
}
