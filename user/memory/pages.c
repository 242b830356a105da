/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of zeroes is counted by pagemap and not by smaps. */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = PAGES_BYTES,
	ASKED_PAGES = 4096,   /* of pagemap at once */
	COUNTED_PAGES = 8192, /* states kept for counting: 32 MiB of addresses */
};

/* So often is the list of mappings read again, for heaps that grow while we read them. */
enum { LISTS_MAX = 200 };

/* A target can map more than anyone can go through: of so many pages it is asked at most, 1 TiB. */
#define ASKED_PAGES_MAX (UINT64_C(1) << 28)

struct pages {
	pid_t pid;
	const struct regions *regions;
	struct mappings
		later; /* a newer list, read when an address was in no region, or in reserve */
	size_t later_lists;
	struct page_source source;
	uint64_t zero_frame; /* 0: not known */
	uint64_t pages_asked;
	uint64_t counted_start; /* of `counted`; UINT64_MAX: nothing */
	uint8_t counted[COUNTED_PAGES];
};

struct pages *pages_new(pid_t pid, const struct regions *regions)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages)
		return NULL;
	pages->pid = pid;
	pages->regions = regions;
	pages->counted_start = UINT64_MAX;
	int error = page_source_open(&pages->source, pid, regions->core);
	if (error) {
		free(pages);
		errno = -error;
		return NULL;
	}
	pages->zero_frame = page_source_zero_frame();
	return pages;
}

void pages_free(struct pages *pages)
{
	if (!pages)
		return;
	mappings_release(&pages->later);
	page_source_close(&pages->source);
	free(pages);
}

const struct regions *pages_regions(const struct pages *pages)
{
	return pages->regions;
}

/* Anonymous memory has no device behind it: its flags need not be known. */
static bool is_later_data(const struct mapping *mapping)
{
	const char *path = mapping->path;

	return !mapping->inode && mapping->readable && mapping->writable &&
	       (!*path || !strcmp(path, "[heap]") || !strncmp(path, "[anon:", 6));
}

/* Room that the heap of a thread's arena in front of it grows into, page by page. */
static bool is_reserve(const struct mapping *mapping)
{
	return !mapping->inode && !mapping->readable && !mapping->writable;
}

/* In a list that is newer than the regions; that of a process that is gone finds nothing. */
static const struct mapping *find_later(struct pages *pages, uint64_t address)
{
	const struct procfs procfs = {"/proc"};
	const struct mapping *found = mappings_find(&pages->later, address);

	if ((!found || is_reserve(found)) && pages->later_lists < LISTS_MAX &&
	    !pages->regions->core) {
		pages->later_lists++;
		mappings_release(&pages->later);
		mappings_read(&procfs, pages->pid, &pages->later);
		found = mappings_find(&pages->later, address);
	}
	return found;
}

/* NULL where it may be another by now. */
static const struct region *find_lasting(const struct pages *pages, uint64_t address)
{
	const struct region *region = regions_find(pages->regions, address);

	return region && !is_reserve(&region->mapping) ? region : NULL;
}

bool pages_find_data(struct pages *pages, uint64_t address, uint64_t *end)
{
	const struct region *region = find_lasting(pages, address);
	const struct mapping *later = region ? NULL : find_later(pages, address);

	*end = region ? region->mapping.end : later ? later->end : 0;
	return region ? region_is_data(region) : later && is_later_data(later);
}

/* Whether the mapping at an address may be read, and until where that is so. */
static bool may_be_read(struct pages *pages, uint64_t address, uint64_t *end)
{
	const struct region *region = find_lasting(pages, address);

	if (!region)
		return pages_find_data(pages, address, end);
	*end = region->mapping.end;
	return region_may_be_read(region);
}

/* Marks what lies in mappings that must not be read, or in none. */
static void close_pages(struct pages *pages, uint64_t start, size_t count, uint8_t *states)
{
	uint64_t end = 0;
	bool open = false;

	for (size_t i = 0; i < count; i++) {
		if (states[i] != PAGE_RESIDENT)
			continue;
		if (start + i * PAGE >= end)
			open = may_be_read(pages, start + i * PAGE, &end);
		if (!open)
			states[i] = PAGE_CLOSED;
	}
}

int pages_states(struct pages *pages, uint64_t start, size_t count, uint8_t *states)
{
	uint64_t entries[ASKED_PAGES];
	size_t done = 0;

	start &= ~(uint64_t)(PAGE - 1);
	pages->pages_asked += count;
	if (pages->pages_asked > ASKED_PAGES_MAX)
		return -E2BIG;
	while (done < count) {
		size_t asked = count - done < ASKED_PAGES ? count - done : ASKED_PAGES;
		ssize_t got = pages->source.pagemap(&pages->source, start + done * PAGE, entries,
						    asked * sizeof(*entries));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < (ssize_t)sizeof(*entries)) {
			/* beyond the end of its address space it says as little */
			if (!page_source_is_alive(&pages->source))
				return -ESRCH;
			memset(states + done, PAGE_ABSENT, count - done);
			break;
		}
		for (size_t i = 0; i < (size_t)got / sizeof(*entries); i++)
			states[done++] = page_entry_state(entries[i], pages->zero_frame);
	}
	close_pages(pages, start, count, states);
	return 0;
}

bool pages_is_guard(const struct pages *pages, uint64_t address)
{
	uint64_t entry;

	return pages->source.pagemap(&pages->source, address & ~(uint64_t)(PAGE - 1), &entry,
				     sizeof(entry)) == sizeof(entry) &&
	       entry & PAGE_ENTRY_GUARD;
}

/* A run of resident pages, as far as it can be read: what went meanwhile is absent. */
static int read_run(struct pages *pages, uint64_t start, size_t count, uint8_t *buffer,
		    uint8_t *states)
{
	ssize_t got;

	do {
		got = pages->source.read(&pages->source, start, buffer, count * PAGE);
	} while (got < 0 && errno == EINTR);
	if (!got)
		return -ESRCH;
	size_t good = got > 0 ? (size_t)got / PAGE : 0;
	if (good == count)
		return 0;
	memset(buffer + good * PAGE, 0, (count - good) * PAGE);
	states[good] = PAGE_ABSENT;
	return good + 1 == count ? 0
				 : read_run(pages, start + (good + 1) * PAGE, count - good - 1,
					    buffer + (good + 1) * PAGE, states + good + 1);
}

int pages_read_some(struct pages *pages, uint64_t start, size_t count, uint8_t *buffer,
		    uint8_t *states)
{
	int error = pages_states(pages, start, count, states);

	for (size_t i = 0; i < count && !error;) {
		size_t run = 1;

		while (i + run < count &&
		       (states[i + run] == PAGE_RESIDENT) == (states[i] == PAGE_RESIDENT))
			run++;
		if (states[i] == PAGE_RESIDENT)
			error = read_run(pages, start + i * PAGE, run, buffer + i * PAGE,
					 states + i);
		else
			memset(buffer + i * PAGE, 0, run * PAGE);
		i += run;
	}
	return error;
}

int pages_read(struct pages *pages, uint64_t address, void *buffer, size_t size)
{
	enum { CHECKED = 64 };
	uint8_t states[CHECKED];
	uint64_t end = address + size;

	if (end < address)
		return -EFAULT;
	for (uint64_t at = address & ~(uint64_t)(PAGE - 1); at < end; at += CHECKED * PAGE) {
		uint64_t left = (end - at + PAGE - 1) / PAGE;
		size_t count = left < CHECKED ? left : CHECKED;
		int error = pages_states(pages, at, count, states);

		for (size_t i = 0; i < count && !error; i++)
			error = states[i] == PAGE_SWAPPED                              ? -ENODATA
				: states[i] == PAGE_RESIDENT || states[i] == PAGE_ZERO ? 0
										       : -EFAULT;
		if (error)
			return error;
	}
	return page_source_read(&pages->source, address, buffer, size);
}

static uint8_t counted_state(struct pages *pages, uint64_t page)
{
	uint64_t span = (uint64_t)COUNTED_PAGES * PAGE, start = page / span * span;

	if (pages->counted_start != start) {
		pages->counted_start = start;
		if (pages_states(pages, start, COUNTED_PAGES, pages->counted))
			memset(pages->counted, PAGE_ABSENT, sizeof(pages->counted));
	}
	return pages->counted[(page - start) / PAGE];
}

struct page_bytes pages_count(struct pages *pages, uint64_t start, uint64_t end)
{
	struct page_bytes sum = {0};

	for (uint64_t at = start; at < end && pages->pages_asked <= ASKED_PAGES_MAX;) {
		uint64_t page = at & ~(uint64_t)(PAGE - 1), next = page + PAGE;
		uint64_t part = (next < end ? next : end) - at;
		uint8_t state = counted_state(pages, page);

		sum.resident += state == PAGE_RESIDENT || state == PAGE_CLOSED ? part : 0;
		sum.swapped += state == PAGE_SWAPPED ? part : 0;
		at += part;
	}
	return sum;
}
