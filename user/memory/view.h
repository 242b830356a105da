/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a running process, copied. Nothing is stopped and nothing written: pages are read
 * through /proc/PID/mem, only those that pagemap says are present, never of a device or a range
 * that is registered with userfaultfd, so that no page of the target becomes resident, un-shared or
 * private by being looked at. What it mapped of a file and did not touch is read from the file
 * (file_pages.h). The process goes on changing its pages: whoever reads a structure checks it, and
 * has a part read again where it makes no sense.
 *
 * Memory is bounded: at most `budget_bytes` of pages are kept. Where a view is full, filling it
 * answers -ENOSPC and pages that are asked for one by one are not to be had.
 *
 * A view knows nothing of what lies in the memory.
 */
#ifndef UNFREED_MEMORY_VIEW_H
#define UNFREED_MEMORY_VIEW_H

#include <stdbool.h>
#include <string.h>

#include "../arch/memory.h"
#include "memory.h"
#include "page_index.h"
#include "page_source.h"
#include "regions.h"

enum { VIEW_PAGE_BYTES = MACHINE_PAGE_BYTES };

struct view;

/* The beginning of a view, for what is asked millions of times: where the copy of each page is,
 * from VIEW_FIRST on. */
struct view_pages {
	struct page_index index;
	uint8_t *pages;
};

enum { VIEW_UNKNOWN, VIEW_ABSENT, VIEW_FIRST };

/* `regions` must outlive the view. NULL with errno. */
struct view *view_new(pid_t pid, const struct regions *regions, uint64_t budget_bytes);

/* Of pages from elsewhere; the source is copied, and stays the caller's to close. */
struct view *view_new_of(const struct page_source *source, const struct regions *regions,
			 uint64_t budget_bytes);
void view_free(struct view *view); /* accepts NULL */

/*
 * Reads what is present of the range [start, end), as far as it may be read. Returns 0, -ENOSPC
 * (the view is full; what fitted is there), -ESRCH, -EPERM or -ENOMEM.
 */
int view_fill(struct view *view, uint64_t start, uint64_t end);

/* Forgets all pages, and takes a new list of mappings: for the next part, or the next look. */
void view_clear(struct view *view, const struct regions *regions);

/* Reads the pages of a range again, and those that were not there but are now. Returns 0 or a
 * negative errno: -EFAULT beyond the addresses of user space. */
int view_refresh(struct view *view, uint64_t address, size_t size);

/*
 * The page that holds the address, read now where it was not yet. NULL where it is not mapped, not
 * to be had (swapped; never touched, and of no file), or the view is full. Valid until view_clear.
 */
const uint8_t *view_page(struct view *view, uint64_t address);

/* The page where it is there already, else NULL; does not read. */
static inline const uint8_t *view_kept(const struct view *view, uint64_t address)
{
	const struct view_pages *kept = (const void *)view;
	uint32_t number = page_index_get(&kept->index, address);

	return number >= VIEW_FIRST ? kept->pages + (size_t)(number - VIEW_FIRST) * VIEW_PAGE_BYTES
				    : NULL;
}

static inline bool view_has(const struct view *view, uint64_t address)
{
	return view_kept(view, address);
}

/* Each returns whether all of it could be had; else *value is 0 or `buffer` undefined. */
static inline bool view_u64(struct view *view, uint64_t address, uint64_t *value) /* aligned by 8 */
{
	const uint8_t *page = address & 7 ? NULL : view_kept(view, address);

	if (!page && !(address & 7))
		page = view_page(view, address);
	*value = page ? *(const uint64_t *)(page + (address & (VIEW_PAGE_BYTES - 1))) : 0;
	return page;
}
bool view_u32(struct view *view, uint64_t address, uint32_t *value); /* aligned by 4 */
bool view_bytes_of_pages(struct view *view, uint64_t address, void *buffer, size_t size);
static inline bool view_bytes(struct view *view, uint64_t address, void *buffer, size_t size)
{
	size_t offset = address & (VIEW_PAGE_BYTES - 1);
	const uint8_t *page = size <= VIEW_PAGE_BYTES - offset ? view_kept(view, address) : NULL;

	if (!page)
		return view_bytes_of_pages(view, address, buffer, size);
	memcpy(buffer, page + offset, size);
	return true;
}

/*
 * `size` bytes in one piece: where the pages lie side by side in the view a pointer into it, else a
 * copy in `buffer`; of pages that are not present zeroes. Does not read from the process.
 */
const uint8_t *view_span(const struct view *view, uint64_t address, size_t size, void *buffer);

/* The mappings that it was made or cleared with. */
const struct regions *view_regions(const struct view *view);

/* A struct memory whose reads go through the view, as long as it lives. */
struct memory view_memory(struct view *view);

struct view_numbers {
	uint64_t read_bytes;    /* from the process, all in all */
	uint64_t kept_bytes;    /* pages there now */
	uint64_t swapped_bytes; /* of ranges that were filled: in swap, so not read */
	uint64_t failed_bytes;  /* present, but could not be read: gone or changed meanwhile */
};
struct view_numbers view_numbers(const struct view *view);

#endif
