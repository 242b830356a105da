/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says of a process that holds BPF maps how many entries the hash maps have, by name, as JSON:
 *
 *   bpf_entries PID
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "map_entries.h"

/* 0: it is no map. */
static unsigned int map_id_of(const char *directory, const char *name)
{
	char path[512], line[128];
	unsigned int id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	while (file && !id && fgets(line, sizeof(line), file))
		sscanf(line, "map_id: %u", &id);
	if (file)
		fclose(file);
	return id;
}

static void print_map(unsigned int id, const char **separator)
{
	int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info;

	if (fd < 0)
		return;
	if (map_is_hash(fd, &info)) {
		printf("%s\"%s\": %zu", *separator, info.name,
		       map_count_entries(fd, info.key_size));
		*separator = ", ";
	}
	close(fd);
}

int main(int argc, char **argv)
{
	const char *separator = "";
	char directory[64];
	struct dirent *entry;
	unsigned int id;
	DIR *all;

	snprintf(directory, sizeof(directory), "/proc/%d/fdinfo", argc > 1 ? atoi(argv[1]) : 0);
	all = opendir(directory);
	if (!all)
		return 1;
	printf("{");
	while ((entry = readdir(all)))
		if ((id = map_id_of(directory, entry->d_name)))
			print_map(id, &separator);
	printf("}\n");
	closedir(all);
	return 0;
}
