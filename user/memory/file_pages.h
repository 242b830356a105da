/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that a process has mapped of a file, for itself, and did not touch yet. The kernel does
 * not take such pages over into a process that is forked (what it needs of them it can fetch
 * from the file), so that a young worker lacks most of the constants of its programs and
 * libraries: the names of types, for one. To read them through the process would map them in;
 * the file has them as well.
 *
 * What the kernel does not have in its cache comes from a disk, or from a server
 * elsewhere, which may take for ever: it is waited for 0.2 s in all, where the file system
 * can tell that it has to be.
 */
#ifndef UNFREED_MEMORY_FILE_PAGES_H
#define UNFREED_MEMORY_FILE_PAGES_H

#include "../arch/memory.h"
#include "regions.h"

enum { FILE_PAGES_OPEN = 16 };

struct file_pages {
	struct mapped_file {
		uint64_t start; /* of the mapping; 0: none */
		uint64_t bytes;
		int fd; /* negative: it cannot be opened */
	} files[FILE_PAGES_OPEN];
	size_t next;   /* is given up for another */
	size_t waited; /* for a disk, milliseconds */
};

/* Whether what is not in memory of a region, nor in swap, is as its file has it. */
bool file_pages_has(const struct region *region);

/* The page at an address, MACHINE_PAGE_BYTES, of such a region. False: it cannot be had now. */
bool file_pages_read(struct file_pages *pages, pid_t pid, const struct region *region,
		     uint64_t address, uint8_t *buffer);

/* Closes all files: for another list of mappings, too, with which waiting begins anew. */
void file_pages_close(struct file_pages *pages);

#endif
