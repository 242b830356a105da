/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as /proc/PID/smaps and as /proc/PID/maps. Names in there are a target's. What is
 * read is searched, judged and named as looks do it.
 */
#include "look/anonymous.h"
#include "made_tree.h"
#include "memory/regions.h"

enum { PID = 77 };

static const struct procfs procfs = {tree_root};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	tree_make("/dev/shm/fuzz_maps");
	atexit(tree_remove);
	return 0;
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
	tree_write_bytes("77/smaps", bytes, size);
	tree_write_bytes("77/maps", bytes, size);
	read_regions();
	read_mappings();
	return 0;
}
