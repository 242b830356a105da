/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of memory, of no file, a process has, in memory or in swap: as a set, to be held
 * against later, and of single pages, now. Nothing is read of what is in them. A page of zeroes
 * that was only read is none.
 */
#ifndef UNFREED_MEMORY_PAGE_SET_H
#define UNFREED_MEMORY_PAGE_SET_H

#include "../process/procfs.h"

enum { PAGE_HUGE_BYTES = 2 << 20 };

struct page_set;

/* Of writable mappings of no file on a disk; of 256 GiB of them, the smaller ones first: 8 MiB
 * of ours at most. NULL with errno: ESRCH, EPERM, ENOMEM. */
struct page_set *page_set_read(const struct procfs *procfs, pid_t pid);
void page_set_free(struct page_set *set); /* accepts NULL */

bool page_set_has(const struct page_set *set, uint64_t address); /* nothing is in NULL */

struct page_fate {
	uint64_t address; /* of a page */
	uint64_t tag;     /* the caller's */
	bool there;
	bool huge; /* it is a part of a huge page; false where nobody may know: CAP_SYS_ADMIN */
};

/* What is of pages that ascend by address. Returns 0 or a negative errno: -ESRCH, -EPERM. */
int page_fates_read(pid_t pid, struct page_fate *fates, size_t count);

#endif
