/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copied pages lie in one reservation of address space, in the order of their reading. An index
 * holds for each page where its copy is, or that it is not to be had.
 *
 * What pagemap says of a page is asked right before reading it. It may change in between; a page
 * that went meanwhile is read as an error, or, where it was swapped out in these microseconds,
 * swapped in.
 */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "file_pages.h"
#include "page_index.h"

enum {
	PAGE = VIEW_PAGE_BYTES,
	RUN_PAGES = 256,    /* read at once */
	ASKED_PAGES = 4096, /* of pagemap at once */
};

struct view {
	struct view_pages kept; /* at the beginning: view_kept */
	pid_t pid;
	const struct regions *regions;
	struct page_source source;
	bool owns_source;
	struct file_pages files;
	size_t capacity; /* pages */
	size_t used;
	struct view_numbers numbers;
};

/* Without a source yet. */
static struct view *make(const struct regions *regions, uint64_t budget_bytes)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->regions = regions;
	view->capacity = budget_bytes / PAGE < UINT32_MAX - VIEW_FIRST ? budget_bytes / PAGE
								       : UINT32_MAX - VIEW_FIRST;
	view->kept.pages = mmap(NULL, (view->capacity + 1) * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (view->kept.pages == MAP_FAILED)
		view->kept.pages = NULL;
	if (view->kept.pages && !page_index_init(&view->kept.index))
		return view;
	view_free(view);
	errno = ENOMEM;
	return NULL;
}

struct view *view_new(pid_t pid, const struct regions *regions, uint64_t budget_bytes)
{
	struct view *view = make(regions, budget_bytes);

	if (!view)
		return NULL;
	view->pid = pid;
	int error = page_source_open(&view->source, pid, regions->core);
	if (!error) {
		view->owns_source = true;
		return view;
	}
	view_free(view);
	errno = -error;
	return NULL;
}

struct view *view_new_of(const struct page_source *source, const struct regions *regions,
			 uint64_t budget_bytes)
{
	struct view *view = make(regions, budget_bytes);

	if (view)
		view->source = *source;
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	page_index_release(&view->kept.index);
	file_pages_close(&view->files);
	if (view->kept.pages)
		munmap(view->kept.pages, (view->capacity + 1) * PAGE);
	if (view->owns_source)
		page_source_close(&view->source);
	free(view);
}

/* The copies' own memory stays, for the next that come. */
void view_clear(struct view *view, const struct regions *regions)
{
	page_index_clear(&view->kept.index);
	file_pages_close(&view->files);
	view->used = 0;
	view->numbers.kept_bytes = 0;
	view->regions = regions;
}

static uint8_t *slot_page(const struct view *view, uint32_t slot)
{
	return view->kept.pages + (size_t)(slot - VIEW_FIRST) * PAGE;
}

/* Pages that there is still room for, beside what the index takes. */
static size_t room(const struct view *view)
{
	size_t taken = view->used + view->kept.index.bytes / PAGE;

	return taken < view->capacity ? view->capacity - taken : 0;
}

/* Reads as much as there is of a run of present pages, and enters it. */
static int read_run(struct view *view, uint64_t address, size_t pages)
{
	ssize_t got;

	if (pages > room(view))
		pages = room(view);
	if (!pages)
		return -ENOSPC;
	do {
		got = view->source.read(&view->source, address,
					view->kept.pages + view->used * PAGE, pages * PAGE);
	} while (got < 0 && errno == EINTR);
	size_t good = got > 0 ? (size_t)got / PAGE : 0;
	for (size_t i = 0; i < pages; i++) {
		uint32_t *slot = page_index_slot(&view->kept.index, address + i * PAGE);

		if (!slot)
			return -ENOMEM;
		*slot = i < good ? (uint32_t)(VIEW_FIRST + view->used + i) : VIEW_ABSENT;
	}
	view->used += good;
	view->numbers.read_bytes += good * PAGE;
	view->numbers.kept_bytes = view->used * PAGE;
	view->numbers.failed_bytes += (pages - good) * PAGE;
	return got == 0 ? -ESRCH : 0;
}

/* One batch of pages that pagemap was asked about. */
static int fill_batch(struct view *view, uint64_t address, const uint64_t *states, size_t count)
{
	for (size_t i = 0; i < count;) {
		size_t run = 0;

		view->numbers.swapped_bytes += page_entry_is_swapped(states[i]) ? PAGE : 0;
		while (i + run < count && run < RUN_PAGES && states[i + run] & PAGE_ENTRY_PRESENT &&
		       !view_has(view, address + (i + run) * PAGE))
			run++;
		if (!run) {
			i++;
			continue;
		}
		int error = read_run(view, address + i * PAGE, run);
		if (error)
			return error;
		if (!room(view) && !view_has(view, address + (i + run - 1) * PAGE))
			return -ENOSPC;
		i += run;
	}
	return 0;
}

static int fill_region(struct view *view, uint64_t start, uint64_t end)
{
	static _Thread_local uint64_t states[ASKED_PAGES];
	int error = 0;

	for (uint64_t at = start; at < end && !error;) {
		size_t count = (end - at) / PAGE < ASKED_PAGES ? (end - at) / PAGE : ASKED_PAGES;
		ssize_t got =
			view->source.pagemap(&view->source, at, states, count * sizeof(*states));

		if (got <= 0)
			return got < 0 && errno == EINTR ? -EAGAIN : -ESRCH;
		count = (size_t)got / sizeof(*states);
		error = fill_batch(view, at, states, count);
		at += count * PAGE;
	}
	return error;
}

int view_fill(struct view *view, uint64_t start, uint64_t end)
{
	int error = 0;

	start &= ~(uint64_t)(PAGE - 1);
	for (size_t i = regions_from(view->regions, start); i < view->regions->count && !error;
	     i++) {
		const struct region *region = &view->regions->items[i];
		const struct mapping *mapping = &region->mapping;

		if (mapping->start >= end)
			break;
		if (!region_may_be_read(region))
			continue;
		error = fill_region(view, mapping->start > start ? mapping->start : start,
				    mapping->end < end ? mapping->end : end);
	}
	return error;
}

/* Whether a page is to be had, and from a file alone: of a live process,
 * not of pages from elsewhere. */
static bool is_in_file(const struct view *view, const struct region *region, uint64_t state)
{
	return view->owns_source && !view->regions->core && file_pages_has(region) &&
	       !(state & (PAGE_ENTRY_PRESENT | PAGE_ENTRY_SWAPPED | PAGE_ENTRY_GUARD));
}

/* Into the place of the next page. */
static uint32_t read_file_page(struct view *view, const struct region *region, uint64_t page)
{
	if (!room(view) || !file_pages_read(&view->files, view->pid, region, page,
					    view->kept.pages + view->used * PAGE))
		return VIEW_ABSENT;
	view->numbers.kept_bytes += PAGE;
	return (uint32_t)(VIEW_FIRST + view->used++);
}

static bool ask_state(const struct view *view, uint64_t page, uint64_t *state)
{
	return view->source.pagemap(&view->source, page, state, sizeof(*state)) == sizeof(*state);
}

/* A page that was not asked for yet. */
static const uint8_t *read_page(struct view *view, uint64_t address)
{
	const struct region *region = regions_find(view->regions, address);
	uint64_t page = address & ~(uint64_t)(PAGE - 1), state = 0;
	uint32_t *slot = NULL;

	/* without room for a page there is none for the note that it is absent either */
	if (region && room(view))
		slot = page_index_slot(&view->kept.index, address);
	if (!slot)
		return NULL;
	*slot = VIEW_ABSENT;
	if (!region_may_be_read(region) || !ask_state(view, page, &state))
		return NULL;
	if (is_in_file(view, region, state))
		*slot = read_file_page(view, region, page);
	else if (!(state & (PAGE_ENTRY_PRESENT | PAGE_ENTRY_ZERO | PAGE_ENTRY_FILE)))
		return NULL;
	else if (read_run(view, page, 1) == -ENOSPC)
		*slot = VIEW_UNKNOWN;
	return *slot >= VIEW_FIRST ? slot_page(view, *slot) : NULL;
}

static int refresh_page(struct view *view, uint64_t page)
{
	uint32_t slot = page_index_get(&view->kept.index, page);
	const struct region *region;
	uint64_t state;

	if (slot < VIEW_FIRST) {
		if (slot == VIEW_ABSENT)
			*page_index_slot(&view->kept.index, page) = VIEW_UNKNOWN;
		read_page(view, page);
		return 0;
	}
	region = regions_find(view->regions, page);
	if (region && file_pages_has(region) && ask_state(view, page, &state) &&
	    is_in_file(view, region, state))
		return file_pages_read(&view->files, view->pid, region, page, slot_page(view, slot))
			       ? 0
			       : -EFAULT;
	ssize_t got = view->source.read(&view->source, page, slot_page(view, slot), PAGE);
	if (got != PAGE)
		return got ? -EFAULT : -ESRCH;
	view->numbers.read_bytes += PAGE;
	return 0;
}

int view_refresh(struct view *view, uint64_t address, size_t size)
{
	const uint64_t limit = UINT64_C(1) << PAGE_INDEX_ADDRESS_BITS;
	int error = 0;

	if (address >= limit || size > limit - address)
		return -EFAULT;
	for (uint64_t at = address & ~(uint64_t)(PAGE - 1); at < address + size && !error;
	     at += PAGE)
		error = refresh_page(view, at);
	return error;
}

const uint8_t *view_page(struct view *view, uint64_t address)
{
	uint32_t slot = page_index_get(&view->kept.index, address);

	if (slot >= VIEW_FIRST)
		return slot_page(view, slot);
	return slot == VIEW_ABSENT ? NULL : read_page(view, address);
}

bool view_u32(struct view *view, uint64_t address, uint32_t *value)
{
	const uint8_t *page = address & 3 ? NULL : view_page(view, address);

	*value = page ? *(const uint32_t *)(page + (address & (PAGE - 1))) : 0;
	return page;
}

bool view_bytes_of_pages(struct view *view, uint64_t address, void *buffer, size_t size)
{
	size_t done = 0;

	if (address + size < address)
		return false;
	while (done < size) {
		const uint8_t *page = view_page(view, address + done);
		size_t offset = (address + done) & (PAGE - 1);
		size_t part = size - done < PAGE - offset ? size - done : PAGE - offset;

		if (!page)
			return false;
		memcpy((uint8_t *)buffer + done, page + offset, part);
		done += part;
	}
	return true;
}

static bool lies_in_one_piece(const struct view *view, uint64_t address, size_t size)
{
	uint32_t first = page_index_get(&view->kept.index, address);
	uint64_t page = address & ~(uint64_t)(PAGE - 1);

	if (first < VIEW_FIRST)
		return false;
	for (uint64_t at = page + PAGE, i = 1; at < address + size; at += PAGE, i++)
		if (page_index_get(&view->kept.index, at) != first + i)
			return false;
	return true;
}

const uint8_t *view_span(const struct view *view, uint64_t address, size_t size, void *buffer)
{
	if (lies_in_one_piece(view, address, size))
		return slot_page(view, page_index_get(&view->kept.index, address)) +
		       (address & (PAGE - 1));
	for (size_t done = 0; done < size;) {
		uint32_t slot = page_index_get(&view->kept.index, address + done);
		size_t offset = (address + done) & (PAGE - 1);
		size_t part = size - done < PAGE - offset ? size - done : PAGE - offset;

		if (slot >= VIEW_FIRST)
			memcpy((uint8_t *)buffer + done, slot_page(view, slot) + offset, part);
		else
			memset((uint8_t *)buffer + done, 0, part);
		done += part;
	}
	return buffer;
}

static int read_view(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	return view_bytes(memory->context, address, buffer, size) ? 0 : -EFAULT;
}

struct memory view_memory(struct view *view)
{
	return (struct memory){.read = read_view, .pid = view->pid, .context = view};
}

const struct regions *view_regions(const struct view *view)
{
	return view->regions;
}

struct view_numbers view_numbers(const struct view *view)
{
	return view->numbers;
}
