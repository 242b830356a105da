/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_scan.h"

#include <errno.h>
#include <stdlib.h>

#include "../allocators/direct.h"

enum { CHUNK_BYTES = 1 << 20 };

ssize_t code_scan_read(const struct python_binary *binary, uint64_t address, size_t size,
		       struct scanned **scanned)
{
	if (size > SCAN_BYTES_MAX)
		size = SCAN_BYTES_MAX;
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	ssize_t got = binary_bytes_read(binary, address, bytes, size);
	if (got >= 0)
		got = scan_decode(bytes, (size_t)got, address, scanned);
	free(bytes);
	return got;
}

int code_scan(const struct python_binary *binary, uint64_t address, size_t size,
	      bool (*visit)(const struct scanned *scanned, void *context), void *context)
{
	struct scanned *scanned;
	ssize_t count = code_scan_request(binary, address, size, &scanned);

	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count && visit(&scanned[i], context); i++)
		;
	free(scanned);
	return 0;
}

int code_site_read(const struct python_binary *binary, const struct alloc_function *function,
		   uint64_t address, struct site *site)
{
	uint8_t code[SITE_BYTES];
	ssize_t size = binary_is_code(binary, address)
			       ? binary_bytes_read(binary, address, code, sizeof(code))
			       : -EFAULT;

	if (size < 0)
		return (int)size;
	site_choose(function, code, (size_t)size, binary_file_offset(binary, address), site);
	return 0;
}

static int find_direct(const struct elf_object *object, const struct alloc_function *function,
		       uint64_t file_offset, struct site sites[DIRECT_SITES_MAX])
{
	const struct code *code = elf_object_code_at(object, file_offset);
	struct elf_function found = {.function = function};

	if (!code)
		return -EFAULT;
	found.address = code->address + (file_offset - code->file_offset);
	return direct_find(object, &found, code, sites);
}

ssize_t code_direct_read(const struct python_binary *binary, const struct alloc_function *function,
			 uint64_t address, struct site **sites)
{
	struct elf_object object;
	int count = binary_is_code(binary, address) ? 0 : -EFAULT;

	*sites = NULL;
	if (!count)
		count = elf_object_read_code(binary->fd, &object);
	if (count)
		return count;
	*sites = calloc(DIRECT_SITES_MAX, sizeof(**sites));
	count = *sites ? find_direct(&object, function, binary_file_offset(binary, address), *sites)
		       : -ENOMEM;
	elf_object_release(&object);
	if (count <= 0) {
		free(*sites);
		*sites = NULL;
	}
	return count;
}

static void count_in(const uint8_t *bytes, size_t size, uint64_t address,
		     struct code_references *references, size_t count)
{
	for (size_t i = SCAN_BEFORE; i + SCAN_BEHIND <= size; i++)
		for (size_t j = 0; j < count; j++)
			references[j].count +=
				scan_is_reference(bytes + i, address + i, references[j].address);
}

int code_references_read(const struct python_binary *binary, struct code_references *references,
			 size_t count)
{
	uint8_t *bytes = malloc(CHUNK_BYTES);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		references[i].count = 0;
	for (size_t i = 0; i < binary->segment_count; i++) {
		const struct elf_segment *segment = &binary->segments[i];

		for (uint64_t at = 0; segment->flags & PF_X && at < segment->size;) {
			ssize_t got = binary_bytes_read(binary, segment->address + at, bytes,
							CHUNK_BYTES);

			if (got <= SCAN_BEFORE + SCAN_BEHIND)
				break;
			count_in(bytes, (size_t)got, segment->address + at, references, count);
			at += (uint64_t)got - SCAN_BEFORE - SCAN_BEHIND + 1;
		}
	}
	free(bytes);
	return 0;
}

size_t code_nops(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t one = scan_nop(bytes + at, size - at);

		if (!one)
			return 0;
		at += one;
	}
	return at;
}
