/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as /proc/PID/smaps and as /proc/PID/maps. Names in there are a target's. What is
 * read is searched, judged and named as looks do it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look/anonymous.h"
#include "memory/regions.h"

enum { PID = 77 };

static char root[64];
static const struct procfs procfs = {root};

static void remove_files(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		return;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[128];

	(void)argc;
	(void)argv;
	snprintf(root, sizeof(root), "/dev/shm/fuzz_maps.XXXXXX");
	if (!mkdtemp(root))
		abort();
	snprintf(path, sizeof(path), "%s/%d", root, PID);
	mkdir(path, 0700);
	atexit(remove_files);
	return 0;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d/%s", root, PID, name);
	FILE *file = fopen(path, "w");
	if (!file)
		abort();
	fwrite(bytes, 1, size, file);
	fclose(file);
}

static void read_regions(void)
{
	struct anonymous_owner owner;
	struct regions regions;
	size_t sum = 0;
	char text[64];

	if (regions_read(&procfs, PID, &regions))
		return;
	owner = anonymous_owner_guess(&regions);
	for (size_t i = 0; i < regions.count; i++) {
		const struct region *region = &regions.items[i];

		sum += region_is_module_data(&regions, i);
		sum += strlen(anonymous_guess(&owner, region, text, sizeof(text)));
		sum += regions_find(&regions, region->mapping.start) != NULL;
		if (regions_from(&regions, region->mapping.end) > regions.count)
			abort();
	}
	if (sum == SIZE_MAX)
		abort();
	regions_release(&regions);
}

static void read_mappings(void)
{
	struct mappings mappings, copy;
	size_t count = 0;

	if (mappings_read(&procfs, PID, &mappings))
		return;
	const struct mapping **files = mappings_code_files(&mappings, &count);
	for (size_t i = 0; i < count; i++)
		if (!files[i]->executable || (i && files[i]->start < files[i - 1]->start))
			abort();
	free(files);
	for (size_t i = 0; i < mappings.count; i++)
		mappings_find(&mappings, mappings.items[i].start);
	if (!mappings_copy(&mappings, &copy))
		mappings_release(&copy);
	mappings_release(&mappings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	write_file("smaps", bytes, size);
	write_file("maps", bytes, size);
	read_regions();
	read_mappings();
	return 0;
}
