/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Through /proc/PID/mem: process_vm_readv pins the pages that it reads, which un-shares those that
 * a forked process shares with its parent. A descriptor is opened for each read or batch, because
 * one that is kept would go on reading what a process had before it executed another program.
 */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../process/core.h"
#include "page_source.h"

enum { PAGE_BYTES = MACHINE_PAGE_BYTES };

static int open_entry(pid_t pid, const char *name)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
}

int memory_open(pid_t pid)
{
	return open_entry(pid, "mem");
}

int memory_open_pagemap(pid_t pid)
{
	return open_entry(pid, "pagemap");
}

int memory_read_from(int fd, uint64_t address, void *buffer, size_t size)
{
	const struct page_source source = page_source_of_memory(fd);

	return page_source_read(&source, address, buffer, size);
}

static int read_process(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	int fd = memory_open(memory->pid);

	if (fd < 0)
		return fd;
	int error = memory_read_from(fd, address, buffer, size);
	close(fd);
	return error;
}

struct memory process_memory(pid_t pid)
{
	return (struct memory){.read = read_process, .pid = pid};
}

static int read_core(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	return core_read(memory->context, address, buffer, size) == (ssize_t)size ? 0 : -EFAULT;
}

struct memory procfs_memory(const struct procfs *procfs, pid_t pid)
{
	if (!procfs->core)
		return process_memory(pid);
	return (struct memory){.read = read_core, .pid = pid, .context = procfs->core};
}

int memory_read(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	if (address + size < address)
		return -EFAULT;
	return memory->read(memory, address, buffer, size);
}

int memory_read_u64(const struct memory *memory, uint64_t address, uint64_t *value)
{
	uint64_t found;
	int error = memory_read(memory, address, &found, sizeof(found));

	if (!error)
		*value = found;
	return error;
}

int memory_read_u32(const struct memory *memory, uint64_t address, uint32_t *value)
{
	uint32_t found;
	int error = memory_read(memory, address, &found, sizeof(found));

	if (!error)
		*value = found;
	return error;
}

/* With a descriptor of the process, or -1 where the memory is a test's own. */
static int read_one(const struct memory *memory, int fd, uint64_t address, void *buffer,
		    size_t size)
{
	return fd >= 0 ? memory_read_from(fd, address, buffer, size)
		       : memory_read(memory, address, buffer, size);
}

ssize_t memory_read_many(const struct memory *memory, const uint64_t *addresses, size_t count,
			 void *buffer, size_t size)
{
	int fd = memory->read == read_process ? memory_open(memory->pid) : -1;
	ssize_t good = 0;
	int error = 0;

	if (memory->read == read_process && fd < 0)
		return fd;
	for (size_t i = 0; i < count && error != -ESRCH && error != -EPERM; i++) {
		char *at = (char *)buffer + i * size;

		error = read_one(memory, fd, addresses[i], at, size);
		good += !error;
		if (error)
			memset(at, 0, size);
	}
	if (fd >= 0)
		close(fd);
	if (error == -ESRCH || error == -EPERM)
		return error;
	return good || !error ? good : error;
}

int memory_read_string(const struct memory *memory, uint64_t address, char *string, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		size_t part = PAGE_BYTES - (address + used) % PAGE_BYTES;

		if (part > size - 1 - used)
			part = size - 1 - used;
		int error = memory_read(memory, address + used, string + used, part);
		if (error)
			return error;
		if (memchr(string + used, '\0', part))
			return 0;
		used += part;
	}
	string[used] = '\0';
	return 0;
}
