/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_TESTS_COUNT_DESCRIPTORS_H
#define UNFREED_TESTS_COUNT_DESCRIPTORS_H

#include <dirent.h>
#include <stdio.h>
#include <sys/types.h>

/* Of a process that is there, with "." and ".."; of another one 0. */
static inline size_t count_descriptors(pid_t pid)
{
	char path[64];
	size_t count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

#endif
