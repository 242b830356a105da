/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where pages of a target come from, as a value: a live process, by its mem and pagemap, or a core
 * file; tests put their own behind it.
 */
#ifndef UNFREED_MEMORY_PAGE_SOURCE_H
#define UNFREED_MEMORY_PAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of an entry of pagemap. */
#define PAGE_ENTRY_PRESENT (UINT64_C(1) << 63)
#define PAGE_ENTRY_SWAPPED (UINT64_C(1) << 62)
#define PAGE_ENTRY_GUARD   (UINT64_C(1) << 58) /* from 6.15 on; it also says it is swapped */
#define PAGE_ENTRY_FRAME   ((UINT64_C(1) << 55) - 1)
/* Bits that the kernel leaves 0: of a page that takes no memory, but can be read: of zeroes, or of
 * a file. A core alone says so. */
#define PAGE_ENTRY_ZERO (UINT64_C(1) << 59)
#define PAGE_ENTRY_FILE (UINT64_C(1) << 60)

static inline bool page_entry_is_swapped(uint64_t entry)
{
	return (entry & (PAGE_ENTRY_SWAPPED | PAGE_ENTRY_GUARD)) == PAGE_ENTRY_SWAPPED;
}

enum page_state {
	PAGE_ABSENT,
	PAGE_RESIDENT,
	PAGE_ZERO, /* the kernel's page of zeroes, which stands for one never written: no memory */
	PAGE_SWAPPED,
	PAGE_CLOSED, /* resident, but of a mapping that must not be read */
	PAGE_STATE_COUNT
};

/* What an entry of pagemap says, all but PAGE_CLOSED. `zero_frame` 0: not known. */
enum page_state page_entry_state(uint64_t entry, uint64_t zero_frame);

struct core;

struct page_source {
	/* As pread() of mem: how many bytes, or -1 with errno. */
	ssize_t (*read)(const struct page_source *source, uint64_t address, void *buffer,
			size_t size);
	/* As pread() of pagemap: `size` is of the entries, one for each page from an address on. */
	ssize_t (*pagemap)(const struct page_source *source, uint64_t address, uint64_t *entries,
			   size_t size);
	void *context; /* of both */
	int memory_fd; /* of a process; else -1 */
	int pagemap_fd;
};

/*
 * Of a core, which must outlive it, or where that is NULL of a process. Returns 0 or a negative
 * errno: -ESRCH, -EPERM; then nothing is to be closed.
 */
int page_source_open(struct page_source *source, pid_t pid, struct core *core);
void page_source_close(struct page_source *source);

/* Of an open mem alone, without its pagemap; the descriptor stays the caller's. */
struct page_source page_source_of_memory(int fd);

/*
 * The frame of the kernel's page of zeroes, by PAGE_ENTRY_FRAME; 0: not known. The kernel tells
 * frames to those who have CAP_SYS_ADMIN: it is learnt from a page of our own.
 */
uint64_t page_source_zero_frame(void);

/* Of a process that is gone pagemap says nothing, not even of the first page. */
bool page_source_is_alive(const struct page_source *source);

/* All bytes. Returns 0 or a negative errno: -EFAULT, -ESRCH. */
int page_source_read(const struct page_source *source, uint64_t address, void *buffer, size_t size);

#endif
