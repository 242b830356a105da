/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where references to blocks of malloc begin: in all memory that a process wrote and may read, but
 * for its heaps. That has its variables and those of threads, stacks, memory of other allocators,
 * and what it closed to writing afterwards. Of a stack what lies below its thread's pointer is of
 * calls that returned, and nothing that is a thread's counts once it has ended: glibc keeps its
 * stack for the next one, with all that it held. A thread in a system call tells its arguments
 * beside its stack pointer; its other registers are not to be had without stopping it. The kernel
 * keeps what was given to epoll_ctl and timer_create, and tells it.
 *
 * Code made at run time has addresses in its instructions, at any place.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/memory.h"
#include "../arch/thread_descriptor.h"
#include "../lib/array.h"
#include "../lib/sorted.h"
#include "reach_internal.h"
#include "stacks.h"
#include "thread_areas.h"

enum {
	SCANNED_PAGES = 256,
	THREAD_WORDS = 9,
	FILES_MAX = 1 << 20,
};

struct roots {
	struct reach *reach;
	bool *stacks;
	struct thread_areas areas;
	uint64_t *tops;     /* lowest stack pointer in each region; 0: none */
	uint64_t *pointers; /* all of them */
	size_t pointer_count;
	uint8_t *bytes;
	uint8_t states[SCANNED_PAGES];
};

/* --- memory --- */

static void scan_range(struct roots *roots, uint64_t start, uint64_t end, size_t step)
{
	struct reach *reach = roots->reach;

	start &= ~UINT64_C(7);
	while (start < end && !reach->error && !reach_refused(reach)) {
		uint64_t page = start & ~(uint64_t)(PAGES_BYTES - 1);
		uint64_t pages = (end - page + PAGES_BYTES - 1) / PAGES_BYTES;
		size_t count = pages < SCANNED_PAGES ? pages : SCANNED_PAGES;
		uint64_t last = page + count * PAGES_BYTES < end ? page + count * PAGES_BYTES : end;

		reach->error =
			pages_read_some(reach->pages, page, count, roots->bytes, roots->states);
		for (size_t i = 0; i < count && !reach->error; i++)
			reach->swapped_bytes += roots->states[i] == PAGE_SWAPPED ? PAGES_BYTES : 0;
		if (!reach->error)
			reach_scan(reach, start, roots->bytes + (start - page), last - start, step);
		reach_relieve(reach);
		start = last;
	}
}

/* The first hole that ends behind an address; they are in order. */
static size_t find_hole(const struct reach *reach, uint64_t address)
{
	size_t low = sorted_count(reach->holes, reach->hole_count, end, address);

	return low;
}

/* The parts of a range that are no holes. */
static void scan_around(struct roots *roots, uint64_t start, uint64_t end, size_t step)
{
	const struct reach *reach = roots->reach;

	for (size_t i = find_hole(reach, start); i < reach->hole_count && start < end; i++) {
		const struct span *hole = &reach->holes[i];

		if (hole->start >= end)
			break;
		if (hole->start > start)
			scan_range(roots, start, hole->start, step);
		start = hole->end > start ? hole->end : start;
	}
	scan_range(roots, start, end, step);
}

/* Shared memory of programs, as against databases that are mapped. */
static bool is_shared_memory(const struct region *region)
{
	return region->mapping.writable && mapping_is_shared_memory(region->mapping.path);
}

static bool is_root(const struct region *region)
{
	if (!region_may_be_read(region))
		return false;
	if (region->flags & REGION_SHARED)
		return is_shared_memory(region);
	return region->anonymous_bytes || region->swapped_bytes;
}

static void scan_region(struct roots *roots, size_t index)
{
	const struct region *region = &roots->reach->regions.items[index];
	uint64_t start = region->mapping.start;

	if (region->flags & REGION_USERFAULT && region->mapping.writable)
		reach_refuse(roots->reach,
			     "some of its memory is handled by userfaultfd and must not be read");
	if (!is_root(region))
		return;
	/* Where stacks lie side by side in one mapping, descriptors tell whose pointer is whose. */
	if (roots->stacks[index] && !(region->flags & REGION_GUARDED) &&
	    roots->tops[index] > start + red_zone_bytes)
		start = roots->tops[index] - red_zone_bytes;
	scan_around(roots, start, region->mapping.end, region->mapping.executable ? 1 : 8);
}

/* --- threads --- */

/* Arguments are there where it is in a system call; the stack pointer is the last but one. */
static int scan_thread(void *context, pid_t thread)
{
	struct roots *roots = context;
	struct reach *reach = roots->reach;
	FILE *file = procfs_open_of_thread(reach->procfs, reach->pid, thread, "syscall");
	uint64_t words[THREAD_WORDS];
	char line[512];
	size_t count = 0;

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file))
		for (char *at = line, *end; count < THREAD_WORDS; at = end) {
			words[count] = strtoull(at, &end, 0);
			if (end == at)
				break;
			reach_visit_root(reach, REACH_SYSTEM_CALL, thread, words[count++]);
		}
	fclose(file);
	if (count < 3)
		return 0;
	uint64_t pointer = words[count - 2];
	if (!array_append(&roots->pointers, &roots->pointer_count, pointer))
		return -ENOMEM;
	size_t index = regions_from(&reach->regions, pointer);
	if (index < reach->regions.count && reach->regions.items[index].mapping.start <= pointer &&
	    (!roots->tops[index] || pointer < roots->tops[index]))
		roots->tops[index] = pointer;
	return 0;
}

/*
 * Whether a stack is glibc's own, with its guard. One that the program gave may have become
 * something else since.
 */
static bool has_guard(const struct roots *roots, const struct thread_area *area)
{
	const struct regions *regions = &roots->reach->regions;
	const struct region *region = &regions->items[area->region];

	if (!area->stack)
		return false;
	return region->flags & REGION_GUARDED ? pages_is_guard(roots->reach->pages, area->stack)
					      : stack_has_own_guard(regions, region) &&
							area->stack < region->mapping.start;
}

/* The lowest stack pointer of a thread's stack; 0: none is known. */
static uint64_t find_pointer(const struct roots *roots, const struct thread_area *area)
{
	uint64_t lowest = 0;

	for (size_t i = 0; i < roots->pointer_count; i++) {
		uint64_t pointer = roots->pointers[i];

		if (pointer >= area->stack && pointer < area->descriptor &&
		    (!lowest || pointer < lowest))
			lowest = pointer;
	}
	return lowest;
}

/*
 * Of the descriptor of an ended thread counts what the next thread takes over, and, unless it was
 * asked for, its result; nothing else of what it had.
 */
static void leave_stack_out(const struct roots *roots, const struct thread_area *area)
{
	struct reach *reach = roots->reach;
	uint64_t pointer = find_pointer(roots, area);

	if (!has_guard(roots, area))
		return;
	if (area->thread > THREAD_ENDED) {
		if (pointer > area->stack + red_zone_bytes)
			reach_add_hole(reach, area->stack, pointer - red_zone_bytes);
		return;
	}
	if (pointer)
		return;
	reach_add_hole(reach, area->stack, area->descriptor);
	if (area->thread == THREAD_JOINED)
		reach_add_hole(reach, area->descriptor + thread_descriptor.head_bytes, area->end);
}

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static void find_holes(struct roots *roots)
{
	struct reach *reach = roots->reach;

	for (size_t i = 0; i < roots->areas.count; i++)
		leave_stack_out(roots, &roots->areas.items[i]);
	if (reach->hole_count)
		qsort(reach->holes, reach->hole_count, sizeof(*reach->holes), compare_spans);
}

/* --- what the kernel keeps --- */

/* "tfd: 7 events: 19 data: 7f0012345678 …" */
static void scan_epoll_line(struct reach *reach, const char *line)
{
	const char *data = strncmp(line, "tfd:", 4) ? NULL : strstr(line, "data:");

	if (data)
		reach_visit_root(reach, REACH_EPOLL, 0, strtoull(data + strlen("data:"), NULL, 16));
}

/* "signal: 34/00007f0012345678" */
static void scan_timer_line(struct reach *reach, const char *line)
{
	const char *data = strncmp(line, "signal:", 7) ? NULL : strchr(line, '/');

	if (data)
		reach_visit_root(reach, REACH_TIMER, 0, strtoull(data + 1, NULL, 16));
}

static void scan_lines(struct reach *reach, const char *path,
		       void (*scan)(struct reach *reach, const char *line))
{
	FILE *file = fopen(path, "re");
	char line[256];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		scan(reach, line);
	fclose(file);
}

static void scan_kernel(struct reach *reach)
{
	char path[4096], name[4096 + 300];
	int length =
		snprintf(path, sizeof(path), "%s/%d/fdinfo", reach->procfs->root, (int)reach->pid);
	DIR *directory = length < (int)sizeof(path) ? opendir(path) : NULL;
	const struct dirent *entry;

	if (!directory) {
		reach_refuse(reach, "its descriptors cannot be read, which may hold references");
		return;
	}
	for (size_t i = 0; i < FILES_MAX && (entry = readdir(directory)); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (*entry->d_name != '.')
			scan_lines(reach, name, scan_epoll_line);
	}
	closedir(directory);
	snprintf(path, sizeof(path), "%s/%d/timers", reach->procfs->root, (int)reach->pid);
	scan_lines(reach, path, scan_timer_line);
}

int reach_scan_roots(struct reach *reach)
{
	struct roots roots = {.reach = reach,
			      .stacks = stacks_find(reach->procfs, reach->pid, reach->pages),
			      .tops = calloc(reach->regions.count + 1, sizeof(uint64_t)),
			      .bytes = malloc(SCANNED_PAGES * PAGES_BYTES)};

	if (!roots.stacks || !roots.tops || !roots.bytes) {
		reach->error = -ENOMEM;
	} else {
		int error = procfs_each_thread(reach->procfs, reach->pid, scan_thread, &roots);

		error = error ?: thread_areas_find(reach->pages, roots.stacks, &roots.areas);
		reach->error = reach->error ? reach->error : error;
		find_holes(&roots);
	}
	for (size_t i = 0; i < reach->regions.count && !reach->error; i++)
		scan_region(&roots, i);
	for (size_t i = 0; i < reach->unclear_count && !reach->error; i++)
		scan_range(&roots, reach->unclear[i].start, reach->unclear[i].end, 8);
	for (size_t i = 0; i < reach->register_count; i++)
		reach_visit_root(reach, REACH_REGISTER, reach->registers[i].thread,
				 reach->registers[i].word);
	if (!reach->error && !reach->procfs->core)
		scan_kernel(reach);
	thread_areas_release(&roots.areas);
	free(roots.stacks);
	free(roots.tops);
	free(roots.pointers);
	free(roots.bytes);
	return reach->error;
}
