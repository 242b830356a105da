/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resident pages of a running process, read afresh each time and kept nowhere: for whoever goes
 * through much memory once. A view (view.h) is for going back and forth.
 *
 * Only what pagemap calls present is read, and only of mappings that may be read (regions.h), or
 * that are anonymous and came after the list was made.
 */
#ifndef UNFREED_MEMORY_PAGES_H
#define UNFREED_MEMORY_PAGES_H

#include "../arch/memory.h"
#include "memory.h"
#include "page_source.h"
#include "regions.h"

enum { PAGES_BYTES = MACHINE_PAGE_BYTES };

struct pages;

/* `regions` must outlive it. NULL with errno: ESRCH, EPERM. */
struct pages *pages_new(pid_t pid, const struct regions *regions);
void pages_free(struct pages *pages); /* accepts NULL */

/* The mappings that it goes by. */
const struct regions *pages_regions(const struct pages *pages);

/*
 * Whether an address lies in writable private memory that may be read, and until where (*end); also
 * of a mapping that came or grew since.
 */
bool pages_find_data(struct pages *pages, uint64_t address, uint64_t *end);

/*
 * The states of `count` pages from an address on. Returns 0 or a negative errno: -ESRCH, -E2BIG
 * (more pages were asked about than any heap has).
 */
int pages_states(struct pages *pages, uint64_t start, size_t count, uint8_t *states);

/*
 * Whole pages, with their states: what is not resident, or could not be read, becomes zeroes (and
 * PAGE_ABSENT). Returns 0 or a negative errno (-ESRCH).
 */
int pages_read_some(struct pages *pages, uint64_t start, size_t count, uint8_t *buffer,
		    uint8_t *states);

/* Whether a page is a guard inside of a mapping, as far as the kernel tells (from 6.15 on). */
bool pages_is_guard(const struct pages *pages, uint64_t address);

/* All bytes. Returns 0 or a negative errno: -ENODATA where a page is in swap, else -EFAULT. */
int pages_read(struct pages *pages, uint64_t address, void *buffer, size_t size);

struct page_bytes {
	uint64_t resident;
	uint64_t swapped;
};

/* How much of a range there is; of a page that lies in it in part, that part. */
struct page_bytes pages_count(struct pages *pages, uint64_t start, uint64_t end);

#endif
