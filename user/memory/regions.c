/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID/smaps: a line as in PID/maps for each mapping, then a line for each figure, "Rss:   12 kB",
 * of which VmFlags comes last. Lines that we do not know are left out: each kernel adds some.
 */
#include "regions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/sorted.h"
#include "../process/core.h"

enum {
	SMAPS_BUFFER_BYTES = 1 << 16,
	PATHS_BYTES_MAX = 4 << 20,
	PATH_BYTES_LEFT = 31,
	READINGS_MAX = 4,
	OFF_BYTES = 1 << 20,
	OFF_SHARE = 16,
};

/* Those of show_smap_vma_flags() in the kernel's fs/proc/task_mmu.c that tell us something. */
static const struct {
	char name[3];
	uint32_t flag;
} flag_names[] = {
	{"ms", REGION_SHARED},    {"io", REGION_DEVICE},    {"pf", REGION_DEVICE},
	{"um", REGION_USERFAULT}, {"uw", REGION_USERFAULT}, {"ui", REGION_USERFAULT},
	{"ht", REGION_HUGETLB},   {"gd", REGION_STACK},     {"hg", REGION_HUGE_ADVISED},
	{"gu", REGION_GUARDED},
};

static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{"Rss", offsetof(struct region, resident_bytes)},
	{"Pss", offsetof(struct region, proportional_bytes)},
	{"Private_Clean", offsetof(struct region, private_bytes)},
	{"Private_Dirty", offsetof(struct region, private_bytes)},
	{"Anonymous", offsetof(struct region, anonymous_bytes)},
	{"AnonHugePages", offsetof(struct region, huge_bytes)},
	{"Swap", offsetof(struct region, swapped_bytes)},
};

static uint32_t parse_flags(const char *text)
{
	uint32_t flags = 0;

	while (*(text += strspn(text, " "))) {
		size_t length = strcspn(text, " ");

		for (size_t i = 0; length == 2 && i < sizeof(flag_names) / sizeof(*flag_names); i++)
			if (!memcmp(text, flag_names[i].name, 2))
				flags |= flag_names[i].flag;
		text += length;
	}
	return flags;
}

/* Both kinds of private pages go into one sum: figures of one name add up. */
static void parse_figure(const char *line, struct region *region)
{
	size_t length = strcspn(line, ":");

	if (!line[length])
		return;
	if (length == strlen("VmFlags") && !memcmp(line, "VmFlags", length)) {
		region->flags = parse_flags(line + length + 1);
		return;
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		if (strlen(figures[i].name) == length && !memcmp(line, figures[i].name, length))
			*(uint64_t *)((char *)region + figures[i].offset) +=
				strtoull(line + length + 1, NULL, 10) * 1024;
}

/* Paths are as long as it pleases the target, and it may have many: once they are too much, of each
 * that follows only its end is kept. Returns how many bytes it takes. */
static size_t shorten_path(struct mapping *mapping, size_t before)
{
	size_t length = strlen(mapping->path);
	char *shorter;

	if (before < PATHS_BYTES_MAX || length <= PATH_BYTES_LEFT)
		return length;
	memmove(mapping->path, mapping->path + length - PATH_BYTES_LEFT, PATH_BYTES_LEFT + 1);
	shorter = realloc(mapping->path, PATH_BYTES_LEFT + 1);
	if (shorter)
		mapping->path = shorter;
	return PATH_BYTES_LEFT;
}

/* Takes the path. */
static int append_region(struct regions *regions, struct region region)
{
	regions->path_bytes += shorten_path(&region.mapping, regions->path_bytes);
	if (array_append(&regions->items, &regions->count, region))
		return 0;
	free(region.mapping.path);
	return -ENOMEM;
}

static int append_line(struct regions *regions, const char *line, size_t length)
{
	struct region region = {0};
	int error = mapping_parse(line, length, &region.mapping);

	return error ?: append_region(regions, region);
}

/* A mapping begins with its address, in small letters; a figure with a capital. */
static int parse_smaps_line(struct regions *regions, char *line, size_t length)
{
	if (length && line[length - 1] == '\n')
		line[--length] = '\0';
	if (!isupper((unsigned char)*line))
		return append_line(regions, line, length);
	if (!regions->count)
		return -EPROTO;
	parse_figure(line, &regions->items[regions->count - 1]);
	return 0;
}

static int parse_smaps(FILE *file, struct regions *regions)
{
	char *line = NULL;
	size_t size = 0;
	int error = 0;

	while (!error) {
		errno = 0;
		ssize_t got = getline(&line, &size, file);

		if (got <= 0) {
			error = -errno;
			break;
		}
		error = parse_smaps_line(regions, line, (size_t)got);
	}
	free(line);
	return error;
}

static int append_core_mapping(struct regions *regions, const struct core_mapping *mapping)
{
	struct region region = {
		.mapping = mapping->mapping,
		.flags = (mapping->is_shared ? REGION_SHARED : 0) |
			 (mapping->is_stack ? REGION_STACK : 0),
		.resident_bytes = mapping->held_bytes,
		.proportional_bytes = mapping->held_bytes,
		.private_bytes = mapping->is_shared ? 0 : mapping->held_bytes,
		.anonymous_bytes = mapping->is_shared ? 0 : mapping->held_bytes,
	};

	region.mapping.path = strdup(mapping->mapping.path);
	return region.mapping.path ? append_region(regions, region) : -ENOMEM;
}

static int read_core_regions(struct core *core, struct regions *regions)
{
	int error = 0;

	*regions = (struct regions){.core = core};
	for (size_t i = 0; i < core_mapping_count(core) && !error; i++) {
		const struct core_mapping mapping = core_mapping(core, i);

		error = append_core_mapping(regions, &mapping);
	}
	if (error)
		regions_release(regions);
	return error;
}

static int read_once(const char *path, struct regions *regions)
{
	/* glibc takes a size without a buffer for none, and would read by 1,024 bytes: in four
	 * times as many goes as the kernel has pieces for us, between each of which all may
	 * change. */
	char *buffer = malloc(SMAPS_BUFFER_BYTES);

	if (!buffer)
		return -ENOMEM;
	FILE *file = fopen(path, "re");
	int error = file ? 0 : -errno;
	if (file) {
		setvbuf(file, buffer, _IOFBF, SMAPS_BUFFER_BYTES);
		error = parse_smaps(file, regions);
		fclose(file);
	}
	free(buffer);
	return error == -ENOENT ? -ESRCH : error;
}

/* By how much the mappings are off from what the kernel counts in one go. */
static uint64_t difference(const struct regions *regions, uint64_t resident)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < regions->count; i++)
		sum += regions->items[i].resident_bytes;
	return sum > resident ? sum - resident : resident - sum;
}

/*
 * Keeps the better one of two readings, and says whether it is as good as need be. What a process
 * takes and gives back meanwhile, and how exact the kernel's own count is, stays below that.
 */
static bool keep_better(struct regions *best, uint64_t *off, struct regions *found,
			const struct process_status *status)
{
	uint64_t now_off = difference(found, status->resident_bytes);

	if (now_off < *off) {
		regions_release(best);
		*best = *found;
		*off = now_off;
	} else {
		regions_release(found);
	}
	return *off <= OFF_BYTES + status->resident_bytes / OFF_SHARE;
}

/* Whether it has ended. `status` is zeroes where it tells none. */
static bool is_gone(const struct procfs *procfs, pid_t pid, struct process_status *status)
{
	if (!procfs_read_status(procfs, pid, status))
		return status->zombie;
	*status = (struct process_status){0};
	return procfs_is_gone(procfs, pid);
}

/*
 * The kernel tells the mappings by some at a time. One that moves meanwhile, as a large block that
 * grows does (mremap), is told where it was and where it went, or nowhere.
 */
int regions_read(const struct procfs *procfs, pid_t pid, struct regions *regions)
{
	uint64_t off = UINT64_MAX;
	bool good = false;
	char path[4096];

	if (procfs->core)
		return read_core_regions(procfs->core, regions);
	*regions = (struct regions){0};
	int length = snprintf(path, sizeof(path), "%s/%d/smaps", procfs->root, (int)pid);
	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	for (int reading = 0; reading < READINGS_MAX && !good; reading++) {
		struct process_status status;
		struct regions found = {0};
		int error = read_once(path, &found);

		if (!error && is_gone(procfs, pid, &status))
			error = -ESRCH;
		if (error) {
			regions_release(&found);
			regions_release(regions);
			return error;
		}
		good = keep_better(regions, &off, &found, &status) || !status.tgid;
	}
	return 0;
}

void regions_release(struct regions *regions)
{
	for (size_t i = 0; i < regions->count; i++)
		free(regions->items[i].mapping.path);
	free(regions->items);
	*regions = (struct regions){0};
}

size_t regions_from(const struct regions *regions, uint64_t address)
{
	size_t low = sorted_count(regions->items, regions->count, mapping.end, address);

	return low;
}

const struct region *regions_find(const struct regions *regions, uint64_t address)
{
	size_t at = regions_from(regions, address);

	if (at == regions->count || regions->items[at].mapping.start > address)
		return NULL;
	return &regions->items[at];
}

bool region_may_be_read(const struct region *region)
{
	return region->mapping.readable && !(region->flags & (REGION_DEVICE | REGION_USERFAULT));
}

bool region_is_data(const struct region *region)
{
	return region_may_be_read(region) && region->mapping.writable &&
	       !(region->flags & REGION_SHARED);
}

static bool is_module_part(const struct region *region)
{
	return region->mapping.inode && region->mapping.writable &&
	       !(region->flags & REGION_SHARED);
}

/* A module's zeroed rest has no file, and lies right behind what has. */
bool region_is_module_data(const struct regions *regions, size_t index)
{
	const struct region *region = &regions->items[index];

	if (!region_is_data(region))
		return false;
	while (!region->mapping.inode && !*region->mapping.path && index &&
	       region[-1].mapping.end == region->mapping.start && region[-1].mapping.writable) {
		region--;
		index--;
	}
	return is_module_part(region);
}

/* runtime/malloc.go, arenaHints: where there is nothing yet, from here on. */
#define GO_HEAP UINT64_C(0xc000000000)

bool regions_have_go_heap(const struct regions *regions)
{
	for (size_t i = 0; i < regions->count; i++) {
		const struct mapping *mapping = &regions->items[i].mapping;

		if (strstr(mapping->path, "[anon: Go: ") ||
		    (mapping->start == GO_HEAP && !mapping->inode))
			return true;
	}
	return false;
}
