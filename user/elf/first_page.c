/* SPDX-License-Identifier: BSD-2-Clause */
#include "first_page.h"

#include <string.h>

size_t elf_first_page(const uint8_t *bytes, size_t size, Elf64_Ehdr *head, Elf64_Phdr *headers,
		      size_t room)
{
	if (size < sizeof(*head))
		return 0;
	memcpy(head, bytes, sizeof(*head));
	size_t count = head->e_phnum < room ? head->e_phnum : room;
	if (memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    head->e_phentsize != sizeof(*headers) || head->e_phoff > size ||
	    count * sizeof(*headers) > size - head->e_phoff)
		return 0;
	memcpy(headers, bytes + head->e_phoff, count * sizeof(*headers));
	return count;
}
