/* SPDX-License-Identifier: BSD-2-Clause */
#include "module_end.h"

#include "../elf/first_page.h"

#define PAGE ((uint64_t)MACHINE_PAGE_BYTES)

/* What has the file's first page, before the region. NULL: it is not mapped there. */
static const struct region *find_headers(const struct regions *regions, size_t index)
{
	const struct mapping *data;

	while (index && !regions->items[index].mapping.inode)
		index--;
	data = &regions->items[index].mapping;
	for (;; index--) {
		const struct region *region = &regions->items[index];

		if (mapping_same_file(&region->mapping, data) && !region->mapping.file_offset)
			return region;
		if (!index || regions->items[index - 1].mapping.end != region->mapping.start)
			return NULL;
	}
}

/* As the kernel and the dynamic linker lay it out: whole pages. */
static uint64_t end_of(const Elf64_Ehdr *header, const Elf64_Phdr *segments, uint64_t start)
{
	uint64_t base = 0, end = 0;
	bool first = true;

	for (size_t i = 0; i < header->e_phnum; i++) {
		uint64_t to;

		if (segments[i].p_type != PT_LOAD)
			continue;
		if (__builtin_add_overflow(segments[i].p_vaddr, segments[i].p_memsz, &to))
			return 0;
		if (first && header->e_type == ET_DYN)
			base = start - (segments[i].p_vaddr & ~(PAGE - 1));
		first = false;
		end = to > end ? to : end;
	}
	return end ? (base + end + PAGE - 1) & ~(PAGE - 1) : 0;
}

uint64_t module_end(struct file_pages *files, pid_t pid, const struct regions *regions,
		    size_t index)
{
	const struct region *headers = find_headers(regions, index);
	uint8_t page[MACHINE_PAGE_BYTES];
	Elf64_Phdr segments[sizeof(page) / sizeof(Elf64_Phdr)];
	Elf64_Ehdr header;

	if (!headers || !file_pages_has(headers) ||
	    !file_pages_read(files, pid, headers, headers->mapping.start, page))
		return 0;
	size_t count = elf_first_page(page, sizeof(page), &header, segments,
				      sizeof(segments) / sizeof(*segments));
	if (!count || count < header.e_phnum || header.e_phoff % 8)
		return 0;
	return end_of(&header, segments, headers->mapping.start);
}
