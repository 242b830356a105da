/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

/* Of the process's addresses over the file's: known by the segment that the mapping is of. */
static bool find_bias(const struct image_parts *parts, const struct mapping *mapping,
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

static void place(const struct image_parts *parts, uint64_t bias, struct python_image *image,
		  struct image_symbol *symbols)
{
	image->segment_count = parts->segment_count;
	for (size_t i = 0; i < parts->segment_count; i++) {
		image->segments[i] = parts->segments[i];
		image->segments[i].address += bias;
	}
	image->runtime_section = parts->runtime_section ? parts->runtime_section + bias : 0;
	for (size_t i = 0; i < SYMBOL_COUNT; i++) {
		symbols[i] = parts->symbols[i];
		symbols[i].address += symbols[i].address ? bias : 0;
	}
}

int image_open(const struct procfs *procfs, struct confined *confined, pid_t pid,
	       const struct mapping *mapping, struct python_image *image,
	       struct image_symbol symbols[SYMBOL_COUNT])
{
	struct image_parts parts;
	uint64_t bias;
	int error;

	*image = (struct python_image){
		.confined = confined,
		.fd = mapping_open(procfs, pid, mapping),
		.device = makedev(mapping->device_major, mapping->device_minor),
		.inode = mapping->inode,
	};
	if (image->fd < 0)
		return image->fd;
	image->path = strdup(mapping->path);
	error = image->path ? image_parts_request(confined, image->fd, &parts) : -ENOMEM;
	if (!error && !find_bias(&parts, mapping, &bias))
		error = -ENOEXEC;
	if (error) {
		image_release(image);
		return error;
	}
	place(&parts, bias, image, symbols);
	return 0;
}

void image_release(struct python_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->path);
	*image = (struct python_image){.fd = -1};
}

static const struct elf_segment *segment_at(const struct python_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_count; i++)
		if (address - image->segments[i].address < image->segments[i].size)
			return &image->segments[i];
	return NULL;
}

ssize_t image_bytes_read(const struct python_image *image, uint64_t address, void *buffer,
			 size_t size)
{
	const struct elf_segment *segment = segment_at(image, address);

	if (!segment)
		return -EFAULT;
	uint64_t offset = address - segment->address;
	if (size > segment->size - offset)
		size = segment->size - offset;
	ssize_t got = pread(image->fd, buffer, size, (off_t)(segment->offset + offset));
	return got < 0 ? -errno : got;
}

uint64_t image_file_offset(const struct python_image *image, uint64_t address)
{
	const struct elf_segment *segment = segment_at(image, address);

	return segment ? segment->offset + (address - segment->address) : UINT64_MAX;
}

bool image_is_code(const struct python_image *image, uint64_t address)
{
	const struct elf_segment *segment = segment_at(image, address);

	return segment && segment->flags & PF_X;
}

bool image_is_constant(const struct python_image *image, uint64_t address)
{
	const struct elf_segment *segment = segment_at(image, address);

	return segment && !(segment->flags & PF_W);
}
