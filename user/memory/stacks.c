/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack is the mapping that holds a thread's stack pointer, which /proc/PID/task/TID/syscall
 * tells of a thread that waits. A runtime may put its stacks into its heap (Go does), so such a
 * mapping must also look like a stack: it is small, or has a guard page below, or a thread's
 * descriptor above the pointer (thread_areas.h); the same descriptor at the end of a guarded
 * mapping tells the stacks of running threads, and those of threads that ended, which glibc keeps.
 */
#include "stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "thread_areas.h"

enum {
	SMALL_BYTES = 16 << 20,
	DESCRIPTOR_WITHIN = 64 << 10, /* of the end of a stack: a descriptor and static TLS */
	ABOVE_POINTER = 8 << 20,
};

struct finder {
	const struct procfs *procfs;
	pid_t pid;
	struct pages *pages;
	const struct regions *regions;
	bool *stacks;
};

/* A private mapping without a name, as stacks are. */
static bool may_be_stack(const struct region *region)
{
	return region_is_data(region) && !region->mapping.inode && !region->mapping.executable &&
	       (!*region->mapping.path ||
		!strncmp(region->mapping.path, "[anon: glibc: pthread stack", 27));
}

bool stack_has_own_guard(const struct regions *regions, const struct region *region)
{
	return region > regions->items && region[-1].mapping.end == region->mapping.start &&
	       !region[-1].mapping.readable && !region[-1].mapping.writable;
}

/* From glibc 2.42 on guards are no mappings: stacks lie side by side in one. */
static bool has_guard(const struct finder *finder, const struct region *region)
{
	return region->flags & REGION_GUARDED || stack_has_own_guard(finder->regions, region);
}

static bool has_descriptor(const struct finder *finder, uint64_t start, uint64_t end)
{
	struct thread_area area;

	return thread_descriptor_find(finder->pages, start, end, &area);
}

static bool ends_in_descriptor(const struct finder *finder, const struct region *region)
{
	uint64_t end = region->mapping.end, size = end - region->mapping.start;

	return has_descriptor(finder, end - (size < DESCRIPTOR_WITHIN ? size : DESCRIPTOR_WITHIN),
			      end);
}

static void mark_pointer(struct finder *finder, uint64_t pointer)
{
	const struct region *region = regions_find(finder->regions, pointer);

	if (!region || !may_be_stack(region))
		return;
	uint64_t end = region->mapping.end, size = end - region->mapping.start;
	if (size > SMALL_BYTES && !has_guard(finder, region) &&
	    !has_descriptor(finder, pointer,
			    end - pointer < ABOVE_POINTER ? end : pointer + ABOVE_POINTER))
		return;
	finder->stacks[region - finder->regions->items] = true;
}

/* "running", or number, arguments, stack pointer and instruction pointer; "-1" has no arguments. */
uint64_t stack_pointer_read(const struct procfs *procfs, pid_t pid, pid_t thread)
{
	FILE *file = procfs_open_of_thread(procfs, pid, thread, "syscall");
	uint64_t pointer = 0;
	char line[512];

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		char *last = strrchr(line, ' ');

		if (last)
			*last = '\0';
		char *text = last ? strrchr(line, ' ') : NULL;
		if (text)
			pointer = strtoull(text + 1, NULL, 16);
	}
	fclose(file);
	return pointer;
}

static int mark_thread(void *context, pid_t thread)
{
	struct finder *finder = context;

	mark_pointer(finder, stack_pointer_read(finder->procfs, finder->pid, thread));
	return 0;
}

bool *stacks_find(const struct procfs *procfs, pid_t pid, struct pages *pages)
{
	const struct regions *regions = pages_regions(pages);
	struct finder finder = {procfs, pid, pages, regions,
				calloc(regions->count + 1, sizeof(bool))};

	if (!finder.stacks)
		return NULL;
	procfs_each_thread(procfs, pid, mark_thread, &finder);
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->items[i];

		if (region->flags & REGION_STACK || !strcmp(region->mapping.path, "[stack]"))
			finder.stacks[i] = true;
		if (!finder.stacks[i] && region->resident_bytes && may_be_stack(region) &&
		    has_guard(&finder, region))
			finder.stacks[i] = ends_in_descriptor(&finder, region);
	}
	return finder.stacks;
}
