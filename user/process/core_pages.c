/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a core. The kernel leaves holes for pages that were never there, gcore writes them out,
 * and both look like pages of zeroes: such a page counts as none. Which pages are so is found out
 * once, by reading all.
 *
 * The file is read, never mapped: whoever cuts it meanwhile could kill us.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/sorted.h"
#include "core_internal.h"

enum { PAGE = CORE_PAGE_BYTES, READ_BYTES = 1 << 20 };

int core_file_read(int fd, uint64_t offset, void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = offset > INT64_MAX - done
				      ? 0
				      : pread(fd, (uint8_t *)buffer + done, size - done,
					      (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		done += (size_t)got;
	}
	return 0;
}

/* --- which are there --- */

static bool is_zero(const uint8_t *page)
{
	return !*page && !memcmp(page, page + 1, PAGE - 1);
}

static bool is_full(const struct core *core, size_t page)
{
	return core->full[page / 64] >> page % 64 & 1;
}

static void mark_pages(struct core *core, struct core_part *part, uint64_t at, const uint8_t *bytes,
		       size_t size)
{
	for (size_t i = 0; i < size; i += PAGE) {
		size_t page = part->pages + (at + i) / PAGE;

		if (is_zero(bytes + i))
			continue;
		core->full[page / 64] |= UINT64_C(1) << page % 64;
		part->full_bytes += PAGE;
	}
}

/* Where the next data of a file is, at or behind an offset: what lies before is a hole. */
static uint64_t skip_hole(int fd, uint64_t offset, uint64_t end)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end : offset;
	return (uint64_t)data < end ? (uint64_t)data : end;
}

static int scan_part(struct core *core, struct core_part *part, uint8_t *buffer)
{
	uint64_t end = part->offset + part->held_bytes;

	for (uint64_t at = 0; at < part->held_bytes;) {
		uint64_t data = skip_hole(core->fd, part->offset + at, end) - part->offset;

		at = data & ~(uint64_t)(PAGE - 1);
		size_t size =
			part->held_bytes - at < READ_BYTES ? part->held_bytes - at : READ_BYTES;
		if (core_file_read(core->fd, part->offset + at, buffer, size))
			return -EIO;
		mark_pages(core, part, at, buffer, size);
		at += size;
	}
	return 0;
}

int core_pages_find(struct core *core)
{
	uint8_t *buffer = malloc(READ_BYTES);
	uint64_t pages = 0;
	int error = 0;

	for (size_t i = 0; i < core->part_count; i++) {
		core->parts[i].pages = pages;
		pages += core->parts[i].held_bytes / PAGE;
	}
	core->full = calloc(pages / 64 + 1, sizeof(*core->full));
	if (!buffer || !core->full)
		error = -ENOMEM;
	for (size_t i = 0; i < core->part_count && !error; i++)
		error = scan_part(core, &core->parts[i], buffer);
	free(buffer);
	return error;
}

static int compare_parts(const void *left, const void *right)
{
	const struct core_part *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void core_parts_sort(struct core *core)
{
	if (core->part_count)
		qsort(core->parts, core->part_count, sizeof(*core->parts), compare_parts);
}

size_t core_parts_from(const struct core *core, uint64_t address)
{
	size_t low = sorted_count(core->parts, core->part_count, end, address);

	return low;
}

const struct core_part *core_part_find(const struct core *core, uint64_t address)
{
	size_t number = core_parts_from(core, address);

	return number < core->part_count && core->parts[number].start <= address
		       ? &core->parts[number]
		       : NULL;
}

/* Whether the file has what is not in the core: pages that nobody wrote to. */
static bool is_in_file(const struct core *core, const struct core_part *part, uint64_t at)
{
	return part->file && at >= part->said_bytes &&
	       core->files[part->file - 1].state == CORE_FILE_SAME;
}

/* Of pages of one part, from one at `at` on. */
static void part_states(const struct core *core, const struct core_part *part, uint64_t at,
			size_t count, uint8_t *states)
{
	size_t i = 0;

	for (; i < count && at < part->held_bytes; i++, at += PAGE)
		states[i] =
			is_full(core, part->pages + at / PAGE) ? CORE_PAGE_HELD : CORE_PAGE_ZERO;
	for (; i < count && at < part->said_bytes; i++, at += PAGE)
		states[i] = CORE_PAGE_ABSENT;
	memset(states + i, is_in_file(core, part, at) ? CORE_PAGE_FILE : CORE_PAGE_ABSENT,
	       count - i);
}

void core_page_states(const struct core *core, uint64_t address, size_t count, uint8_t *states)
{
	address &= ~(uint64_t)(PAGE - 1);
	while (count) {
		size_t number = core_parts_from(core, address);
		const struct core_part *part =
			number < core->part_count ? &core->parts[number] : NULL;
		bool inside = part && part->start <= address;
		uint64_t end = inside ? part->end : part ? part->start : UINT64_MAX;
		size_t run = (end - address) / PAGE < count ? (end - address) / PAGE : count;

		run = run ? run : count; /* at the end of all addresses */
		if (inside)
			part_states(core, part, address - part->start, run, states);
		else
			memset(states, CORE_PAGE_ABSENT, run);
		states += run;
		count -= run;
		address += run * PAGE;
	}
}

/* --- what is in them --- */

/* Behind the end of a file the last page is zeroes. */
static size_t read_from_file(struct core *core, const struct core_part *part, uint64_t at,
			     uint8_t *buffer, size_t size)
{
	if (core->open_file != part->file) {
		const struct mapping mapping = {.inode = part->file};

		if (core->file_fd >= 0)
			close(core->file_fd);
		core->file_fd = core_open_file(core, &mapping);
		core->open_file = part->file;
	}
	if (core->file_fd < 0 || part->file_offset > INT64_MAX - at)
		return 0;
	ssize_t got = pread(core->file_fd, buffer, size, (off_t)(part->file_offset + at));
	if (got <= 0)
		return 0;
	size_t rest = (PAGE - (at + (size_t)got) % PAGE) % PAGE;
	rest = rest < size - (size_t)got ? rest : size - (size_t)got;
	memset(buffer + got, 0, rest);
	return (size_t)got + rest;
}

static size_t read_part(struct core *core, const struct core_part *part, uint64_t at,
			uint8_t *buffer, size_t size)
{
	if (at < part->held_bytes) {
		size = part->held_bytes - at < size ? part->held_bytes - at : size;
		return core_file_read(core->fd, part->offset + at, buffer, size) ? 0 : size;
	}
	return is_in_file(core, part, at) ? read_from_file(core, part, at, buffer, size) : 0;
}

ssize_t core_read(struct core *core, uint64_t address, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const struct core_part *part = core_part_find(core, address + done);

		if (!part)
			break;
		uint64_t room = part->end - (address + done);
		size_t got = read_part(core, part, address + done - part->start,
				       (uint8_t *)buffer + done,
				       size - done < room ? size - done : room);
		if (!got)
			break;
		done += got;
	}
	if (done || !size)
		return (ssize_t)done;
	errno = EIO;
	return -1;
}
