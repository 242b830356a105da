/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program headers of an ELF file of which only the first bytes are at hand, as a process's
 * memory or a core holds them. Hostile bytes do no harm: nothing is followed, all is copied.
 */
#ifndef UNFREED_ELF_FIRST_PAGE_H
#define UNFREED_ELF_FIRST_PAGE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies the file's header, and of its program headers as many as there is room for.
 * Returns how many: 0 where it is no ELF file of 64 bits, or these do not lie within
 * `size`; *head may hold anything then.
 */
size_t elf_first_page(const uint8_t *bytes, size_t size, Elf64_Ehdr *head, Elf64_Phdr *headers,
		      size_t room);

#endif
