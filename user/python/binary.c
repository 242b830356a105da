/* SPDX-License-Identifier: BSD-2-Clause */
#include "binary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../arch/memory.h"

enum { PAGE_BYTES = MACHINE_PAGE_BYTES };

/* Of the process's addresses over the file's: known by the segment that the mapping is of. */
static bool find_bias(const struct binary_parts *parts, const struct mapping *mapping,
		      uint64_t *bias)
{
	for (size_t i = 0; i < parts->segment_count; i++) {
		const struct elf_segment *segment = &parts->segments[i];
		uint64_t page = segment->offset & ~(uint64_t)(PAGE_BYTES - 1);

		if (mapping->executable != ((segment->flags & PF_X) != 0) ||
		    mapping->file_offset < page ||
		    mapping->file_offset >= segment->offset + segment->size)
			continue;
		*bias = mapping->start - mapping->file_offset -
			(segment->address - segment->offset);
		return true;
	}
	return false;
}

static void place(const struct binary_parts *parts, uint64_t bias, struct python_binary *binary,
		  struct binary_symbol *symbols)
{
	binary->bias = bias;
	binary->segment_count = parts->segment_count;
	for (size_t i = 0; i < parts->segment_count; i++) {
		binary->segments[i] = parts->segments[i];
		binary->segments[i].address += bias;
	}
	binary->runtime_section = parts->runtime_section ? parts->runtime_section + bias : 0;
	for (size_t i = 0; i < SYMBOL_COUNT; i++) {
		symbols[i] = parts->symbols[i];
		symbols[i].address += symbols[i].address ? bias : 0;
	}
}

int binary_open(const struct procfs *procfs, struct confined *confined, pid_t pid,
		const struct mapping *mapping, struct python_binary *binary,
		struct binary_symbol symbols[SYMBOL_COUNT])
{
	struct binary_parts parts;
	uint64_t bias;
	int error;

	*binary = (struct python_binary){
		.confined = confined,
		.fd = mapping_open(procfs, pid, mapping),
		.device = mapping_device(mapping),
		.inode = mapping->inode,
	};
	if (binary->fd < 0)
		return binary->fd;
	binary->path = strdup(mapping->path);
	error = binary->path ? binary_parts_request(confined, binary->fd, &parts) : -ENOMEM;
	if (!error && !find_bias(&parts, mapping, &bias))
		error = -ENOEXEC;
	if (error) {
		binary_release(binary);
		return error;
	}
	place(&parts, bias, binary, symbols);
	return 0;
}

void binary_release(struct python_binary *binary)
{
	if (binary->fd >= 0)
		close(binary->fd);
	free(binary->path);
	*binary = (struct python_binary){.fd = -1};
}

static const struct elf_segment *segment_at(const struct python_binary *binary, uint64_t address)
{
	for (size_t i = 0; i < binary->segment_count; i++)
		if (address - binary->segments[i].address < binary->segments[i].size)
			return &binary->segments[i];
	return NULL;
}

ssize_t binary_bytes_read(const struct python_binary *binary, uint64_t address, void *buffer,
			  size_t size)
{
	const struct elf_segment *segment = segment_at(binary, address);

	if (!segment)
		return -EFAULT;
	uint64_t offset = address - segment->address;
	if (size > segment->size - offset)
		size = segment->size - offset;
	ssize_t got = pread(binary->fd, buffer, size, (off_t)(segment->offset + offset));
	return got < 0 ? -errno : got;
}

uint64_t binary_file_offset(const struct python_binary *binary, uint64_t address)
{
	const struct elf_segment *segment = segment_at(binary, address);

	return segment ? segment->offset + (address - segment->address) : UINT64_MAX;
}

bool binary_is_code(const struct python_binary *binary, uint64_t address)
{
	const struct elf_segment *segment = segment_at(binary, address);

	return segment && segment->flags & PF_X;
}

bool binary_is_constant(const struct python_binary *binary, uint64_t address)
{
	const struct elf_segment *segment = segment_at(binary, address);

	return segment && !(segment->flags & PF_W);
}
