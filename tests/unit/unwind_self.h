/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This process's own mappings, as the tables want them.
 */
#ifndef UNFREED_UNWIND_SELF_H
#define UNFREED_UNWIND_SELF_H

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unwind/tables.h"

#define SELF_MAPPINGS_MAX 256

/* The number of the file behind a line of /proc/self/maps. */
static inline int self_file(struct unwind_tables *tables, const char *path)
{
	bool vdso = !strcmp(path, "[vdso]");
	int fd = vdso ? -1 : open(path, O_RDONLY | O_CLOEXEC), number = UNWIND_NO_FILE;
	struct unwind_key key = unwind_key_vdso;
	struct unwind_file file;
	struct stat stat;

	if (!vdso && (fd < 0 || fstat(fd, &stat)))
		return UNWIND_NO_FILE;
	if (!vdso)
		key = unwind_key_of(&stat);
	number = unwind_tables_find(tables, &key);
	if (number < 0 && !(vdso ? unwind_file_build_vdso(&file) : unwind_file_build(fd, &file))) {
		number = unwind_tables_add(tables, &key, &file);
		unwind_file_release(&file);
	}
	if (fd >= 0)
		close(fd);
	return number < 0 ? UNWIND_NO_FILE : number;
}

/* Returns unwind_tables_set_mappings's result. */
static inline int self_mappings_set(struct unwind_tables *tables, uint32_t space)
{
	static struct unwind_placement placements[SELF_MAPPINGS_MAX];
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096];
	size_t count = 0;
	int status;

	while (maps && fgets(line, sizeof(line), maps) && count < SELF_MAPPINGS_MAX) {
		struct unwind_placement *placement = &placements[count];
		char permissions[5], path[4096] = "";

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %4095[^\n]",
			   &placement->start, &placement->end, permissions, &placement->file_offset,
			   path) < 4 ||
		    permissions[2] != 'x')
			continue;
		placement->file = self_file(tables, path);
		count++;
	}
	if (maps)
		fclose(maps);
	status = unwind_tables_set_mappings(tables, space, placements, count);
	for (size_t i = 0; i < count; i++)
		unwind_tables_put(tables, placements[i].file);
	return status;
}

#endif
