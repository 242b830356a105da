/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of another process, as a value: tests put their own behind it. What is read belongs to the
 * target and may change or lie at any time.
 */
#ifndef UNFREED_MEMORY_H
#define UNFREED_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../process/procfs.h"

struct memory {
	/* All `size` bytes, or a negative errno. */
	int (*read)(const struct memory *memory, uint64_t address, void *buffer, size_t size);
	pid_t pid;
	void *context; /* of `read` */
};

/* Of a live process. A page that is not resident is faulted in by a read: what goes through much
 * memory uses a view (view.h), which leaves such pages alone. */
struct memory process_memory(pid_t pid);

/* Of the process of a core where there is one, which must outlive it, else of a live one. */
struct memory procfs_memory(const struct procfs *procfs, pid_t pid);

/* A descriptor of the memory that a process has now, or a negative errno: -ESRCH, -EPERM. */
int memory_open(pid_t pid);

/* Likewise of what tells of its pages, in entries as page_source.h has them. */
int memory_open_pagemap(pid_t pid);

/* All `size` bytes by such a descriptor. Returns 0 or a negative errno: -EFAULT, -ESRCH. */
int memory_read_from(int fd, uint64_t address, void *buffer, size_t size);

/* Each returns 0 or a negative errno; then *value is untouched. */
int memory_read(const struct memory *memory, uint64_t address, void *buffer, size_t size);
int memory_read_u64(const struct memory *memory, uint64_t address, uint64_t *value);
int memory_read_u32(const struct memory *memory, uint64_t address, uint32_t *value);

/*
 * `size` bytes from each address, one behind the other in `buffer`. What cannot be read becomes
 * zeroes. Returns how many could be read, or a negative errno where none can be.
 */
ssize_t memory_read_many(const struct memory *memory, const uint64_t *addresses, size_t count,
			 void *buffer, size_t size);

/* A string of at most size - 1 bytes, cut there. */
int memory_read_string(const struct memory *memory, uint64_t address, char *string, size_t size);

#endif
