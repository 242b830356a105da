/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../arch/memory.h"
#include "../lib/array.h"
#include "../process/mappings.h"
#include "page_source.h"

enum {
	PAGE = MACHINE_PAGE_BYTES,
	ASKED_PAGES = 512, /* of pagemap at once */
	PAGES_MAX = 1 << 26,
};

#define LARGE_BYTES (UINT64_C(16) << 30)

#define FLAG_HUGE (UINT64_C(1) << 22) /* KPF_THP of linux/kernel-page-flags.h */

/* A bit for each page of a mapping. */
struct page_range {
	uint64_t start;
	uint64_t end;
	uint8_t *bits;
};

struct page_set {
	struct page_range *items; /* ascending */
	size_t count;
};

static bool is_there(uint64_t entry, uint64_t zero_frame)
{
	enum page_state state = page_entry_state(entry, zero_frame);

	return state == PAGE_RESIDENT || state == PAGE_SWAPPED;
}

/* How many entries were read; what cannot be is 0. Negative errno: -ESRCH. */
static int ask(const struct page_source *source, uint64_t start, uint64_t *entries, size_t count)
{
	ssize_t got;

	do
		got = source->pagemap(source, start, entries, count * sizeof(*entries));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ESRCH ? -ESRCH : 0;
	return (int)((size_t)got / sizeof(*entries));
}

static int read_range(const struct page_source *source, uint64_t zero_frame,
		      struct page_range *range)
{
	uint64_t entries[ASKED_PAGES];

	for (uint64_t at = range->start; at < range->end;) {
		uint64_t left = (range->end - at) / PAGE;
		int got = ask(source, at, entries, left < ASKED_PAGES ? left : ASKED_PAGES);

		if (got <= 0)
			return got;
		for (int i = 0; i < got; i++) {
			uint64_t bit = (at - range->start) / PAGE + (uint64_t)i;

			if (is_there(entries[i], zero_frame))
				range->bits[bit / 8] |= (uint8_t)(1 << bit % 8);
		}
		at += (uint64_t)got * PAGE;
	}
	return 0;
}

static bool is_memory(const struct mapping *mapping)
{
	return mapping->writable && (!mapping->inode || mapping_is_shared_memory(mapping->path));
}

static int add_range(struct page_set *set, const struct mapping *mapping, uint64_t *left)
{
	uint64_t pages = (mapping->end - mapping->start) / PAGE;
	struct page_range range = {.start = mapping->start};

	pages = pages < *left ? pages : *left;
	if (!pages)
		return 0;
	*left -= pages;
	range.end = range.start + pages * PAGE;
	range.bits = calloc(1, pages / 8 + 1);
	if (range.bits && array_append(&set->items, &set->count, range))
		return 0;
	free(range.bits);
	return -ENOMEM;
}

static int compare_starts(const void *a, const void *b)
{
	const struct page_range *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

/* The large ones last: such as the shadow of a sanitizer, terabytes of which little is there. */
static int add_ranges(struct page_set *set, const struct mappings *mappings)
{
	uint64_t left = PAGES_MAX;
	int error = 0;

	for (int large = false; large <= true; large++)
		for (size_t i = 0; i < mappings->count && !error; i++) {
			const struct mapping *mapping = &mappings->items[i];

			if (is_memory(mapping) &&
			    (mapping->end - mapping->start > LARGE_BYTES) == large)
				error = add_range(set, mapping, &left);
		}
	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), compare_starts);
	return error;
}

static int fill(struct page_set *set, const struct mappings *mappings,
		const struct page_source *source)
{
	uint64_t zero_frame = page_source_zero_frame();
	int error = add_ranges(set, mappings);

	for (size_t i = 0; i < set->count && !error; i++)
		error = read_range(source, zero_frame, &set->items[i]);
	return error;
}

struct page_set *page_set_read(const struct procfs *procfs, pid_t pid)
{
	struct page_set *set = calloc(1, sizeof(*set));
	struct mappings mappings = {0};
	struct page_source source;
	int error = set ? page_source_open(&source, pid, NULL) : -ENOMEM;

	if (error)
		goto failed;
	error = mappings_read(procfs, pid, &mappings);
	if (!error)
		error = fill(set, &mappings, &source);
	mappings_release(&mappings);
	page_source_close(&source);
	if (!error)
		return set;
failed:
	page_set_free(set);
	errno = -error;
	return NULL;
}

void page_set_free(struct page_set *set)
{
	for (size_t i = 0; set && i < set->count; i++)
		free(set->items[i].bits);
	if (set)
		free(set->items);
	free(set);
}

static int compare(const void *key, const void *item)
{
	const uint64_t *address = key;
	const struct page_range *range = item;

	return *address < range->start ? -1 : *address >= range->end;
}

bool page_set_has(const struct page_set *set, uint64_t address)
{
	const struct page_range *range =
		set && set->count
			? bsearch(&address, set->items, set->count, sizeof(*set->items), compare)
			: NULL;
	uint64_t bit;

	if (!range)
		return false;
	bit = (address - range->start) / PAGE;
	return range->bits[bit / 8] >> bit % 8 & 1;
}

/* --- single pages --- */

static bool is_huge(int flags_fd, uint64_t entry)
{
	uint64_t frame = entry & PAGE_ENTRY_FRAME, flags = 0;

	return flags_fd >= 0 && entry & PAGE_ENTRY_PRESENT && frame &&
	       pread(flags_fd, &flags, sizeof(flags), (off_t)(frame * sizeof(flags))) ==
		       sizeof(flags) &&
	       flags & FLAG_HUGE;
}

/* How many of the pages, from the first on, one question answers. */
static size_t asked_together(const struct page_fate *fates, size_t count)
{
	size_t together = 1;

	while (together < count &&
	       fates[together].address - fates[0].address < (uint64_t)ASKED_PAGES * PAGE)
		together++;
	return together;
}

static int read_fates(const struct page_source *source, int flags_fd, uint64_t zero_frame,
		      struct page_fate *fates, size_t count)
{
	uint64_t start = fates[0].address, entries[ASKED_PAGES];
	int got = ask(source, start, entries, (fates[count - 1].address - start) / PAGE + 1);

	if (got < 0)
		return got;
	for (size_t i = 0; i < count; i++) {
		uint64_t index = (fates[i].address - start) / PAGE;
		uint64_t entry = index < (uint64_t)got ? entries[index] : 0;

		fates[i].there = is_there(entry, zero_frame);
		fates[i].huge = fates[i].there && is_huge(flags_fd, entry);
	}
	return 0;
}

int page_fates_read(pid_t pid, struct page_fate *fates, size_t count)
{
	struct page_source source;
	int flags_fd, error = page_source_open(&source, pid, NULL);
	uint64_t zero_frame = page_source_zero_frame();

	if (error)
		return error;
	flags_fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	for (size_t at = 0, part; at < count && !error; at += part) {
		part = asked_together(fates + at, count - at);
		error = read_fates(&source, flags_fd, zero_frame, fates + at, part);
	}
	/* of one that ended meanwhile it says nothing */
	if (!error && !page_source_is_alive(&source))
		error = -ESRCH;
	if (flags_fd >= 0)
		close(flags_fd);
	page_source_close(&source);
	return error;
}
