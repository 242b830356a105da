/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

enum { PAGE_BYTES = 4096, BATCH = 256 };

static int read_process(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	struct iovec local = {buffer, size};
	struct iovec remote = {(void *)(uintptr_t)address, size};
	ssize_t got = process_vm_readv(memory->pid, &local, 1, &remote, 1, 0);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EFAULT;
}

struct memory process_memory(pid_t pid)
{
	return (struct memory){.read = read_process, .pid = pid};
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

/* One system call for a batch. Returns how many at its beginning were read. */
static size_t read_batch(const struct memory *memory, const uint64_t *addresses, size_t count,
			 void *buffer, size_t size)
{
	struct iovec local = {buffer, size * count}, remote[BATCH];

	if (memory->read != read_process)
		return 0;
	for (size_t i = 0; i < count; i++)
		remote[i] = (struct iovec){(void *)(uintptr_t)addresses[i], size};
	ssize_t got = process_vm_readv(memory->pid, &local, 1, remote, count, 0);
	return got < 0 ? 0 : (size_t)got / size;
}

ssize_t memory_read_many(const struct memory *memory, const uint64_t *addresses, size_t count,
			 void *buffer, size_t size)
{
	ssize_t good = 0;
	int error = 0;

	for (size_t i = 0; i < count;) {
		size_t batch = count - i < BATCH ? count - i : BATCH;
		char *at = (char *)buffer + i * size;
		size_t got = read_batch(memory, addresses + i, batch, at, size);

		good += (ssize_t)got;
		i += got;
		if (got == batch)
			continue;
		at += got * size;
		error = memory_read(memory, addresses[i], at, size);
		if (error == -ESRCH || error == -EPERM)
			return error;
		good += !error;
		if (error)
			memset(at, 0, size);
		i++;
	}
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
