/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../process/core.h"
#include "memory.h"

enum { PAGE = 4096 };

static ssize_t read_process(const struct page_source *source, uint64_t address, void *buffer,
			    size_t size)
{
	return pread(source->memory_fd, buffer, size, (off_t)address);
}

static ssize_t read_pagemap(const struct page_source *source, uint64_t address, uint64_t *entries,
			    size_t size)
{
	return pread(source->pagemap_fd, entries, size, (off_t)(address / PAGE * sizeof(*entries)));
}

static ssize_t read_core(const struct page_source *source, uint64_t address, void *buffer,
			 size_t size)
{
	return core_read(source->context, address, buffer, size);
}

static ssize_t read_core_pagemap(const struct page_source *source, uint64_t address,
				 uint64_t *entries, size_t size)
{
	static const uint64_t by_state[] = {
		[CORE_PAGE_ABSENT] = 0,
		[CORE_PAGE_HELD] = PAGE_ENTRY_PRESENT,
		[CORE_PAGE_ZERO] = PAGE_ENTRY_ZERO,
		[CORE_PAGE_FILE] = PAGE_ENTRY_FILE,
	};
	size_t count = size / sizeof(*entries);
	uint8_t *states = (uint8_t *)entries;

	/* from the last on: an entry lies behind its state */
	core_page_states(source->context, address, count, states);
	for (size_t i = count; i-- > 0;)
		entries[i] = by_state[states[i]];
	return (ssize_t)(count * sizeof(*entries));
}

struct page_source page_source_of_memory(int fd)
{
	return (struct page_source){read_process, read_pagemap, NULL, fd, -1};
}

int page_source_open(struct page_source *source, pid_t pid, struct core *core)
{
	if (core) {
		*source = (struct page_source){read_core, read_core_pagemap, core, -1, -1};
		return 0;
	}
	*source = page_source_of_memory(memory_open(pid));
	if (source->memory_fd < 0)
		return source->memory_fd;
	source->pagemap_fd = memory_open_pagemap(pid);
	if (source->pagemap_fd >= 0)
		return 0;
	close(source->memory_fd);
	return source->pagemap_fd;
}

void page_source_close(struct page_source *source)
{
	if (source->memory_fd >= 0)
		close(source->memory_fd);
	if (source->pagemap_fd >= 0)
		close(source->pagemap_fd);
	source->memory_fd = source->pagemap_fd = -1;
}

int page_source_read(const struct page_source *source, uint64_t address, void *buffer, size_t size)
{
	ssize_t got;

	if (address > INT64_MAX || size > INT64_MAX - address)
		return -EFAULT;
	do {
		got = source->read(source, address, buffer, size);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EIO ? -EFAULT : -errno;
	if (!got && size)
		return -ESRCH; /* its memory is gone */
	return (size_t)got == size ? 0 : -EFAULT;
}

uint64_t page_source_zero_frame(void)
{
	volatile const char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (page != MAP_FAILED) {
		(void)*page;
		if (fd < 0 ||
		    pread(fd, &entry, sizeof(entry),
			  (off_t)((uintptr_t)page / PAGE * sizeof(entry))) != sizeof(entry))
			entry = 0;
		munmap((void *)page, PAGE);
	}
	if (fd >= 0)
		close(fd);
	return entry & PAGE_ENTRY_PRESENT ? entry & PAGE_ENTRY_FRAME : 0;
}

enum page_state page_entry_state(uint64_t entry, uint64_t zero_frame)
{
	if (entry & PAGE_ENTRY_PRESENT)
		return zero_frame && (entry & PAGE_ENTRY_FRAME) == zero_frame ? PAGE_ZERO
									      : PAGE_RESIDENT;
	if (entry & PAGE_ENTRY_ZERO)
		return PAGE_ZERO;
	return page_entry_is_swapped(entry) ? PAGE_SWAPPED : PAGE_ABSENT;
}

bool page_source_is_alive(const struct page_source *source)
{
	uint64_t entry;

	return source->pagemap(source, 0, &entry, sizeof(entry)) == sizeof(entry);
}
