/* SPDX-License-Identifier: BSD-2-Clause */
/* A made-up ELF file of code that nobody runs, with the names that a test wants in it. Addresses in
 * it are offsets in the file. */
#ifndef TEST_MADE_ELF_H
#define TEST_MADE_ELF_H

#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_ELF_SYMBOLS = 64, MADE_ELF_NAMES = 4096 };

struct made_elf {
	uint64_t code_end; /* where its last function ends */
	Elf64_Sym symbols[MADE_ELF_SYMBOLS];
	size_t symbol_count;
	char names[MADE_ELF_NAMES];
	size_t name_bytes;
};

enum made_section { MADE_NONE, MADE_TEXT, MADE_SYMBOLS, MADE_NAMES, MADE_SECTIONS };

static inline void made_elf_init(struct made_elf *elf)
{
	*elf = (struct made_elf){.symbol_count = 1, .name_bytes = 1, .code_end = 0x1000};
}

static inline void made_elf_function(struct made_elf *elf, uint64_t offset, uint64_t bytes,
				     const char *name)
{
	size_t length = strlen(name) + 1;

	if (elf->symbol_count == MADE_ELF_SYMBOLS || length > MADE_ELF_NAMES - elf->name_bytes)
		abort();
	elf->symbols[elf->symbol_count++] = (Elf64_Sym){
		.st_name = (uint32_t)elf->name_bytes,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = MADE_TEXT,
		.st_value = offset,
		.st_size = bytes,
	};
	memcpy(elf->names + elf->name_bytes, name, length);
	elf->name_bytes += length;
	if (offset + bytes > elf->code_end)
		elf->code_end = offset + bytes;
}

static inline Elf64_Ehdr made_elf_head(uint64_t sections_at)
{
	Elf64_Ehdr head = {
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(head),
		.e_phoff = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = sections_at,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = MADE_SECTIONS,
		.e_shstrndx = MADE_NAMES,
	};

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	return head;
}

static inline void made_elf_write_at(FILE *file, uint64_t at, const void *bytes, size_t size)
{
	if (fseek(file, (long)at, SEEK_SET) || fwrite(bytes, 1, size, file) != size)
		abort();
}

/* Its code is a hole. What cannot be written ends the program. */
static inline void made_elf_write(const struct made_elf *elf, const char *path)
{
	const size_t symbol_bytes = elf->symbol_count * sizeof(Elf64_Sym);
	const uint64_t symbols_at = (elf->code_end + 7) & ~7ull;
	const uint64_t names_at = symbols_at + symbol_bytes;
	const uint64_t sections_at = (names_at + elf->name_bytes + 7) & ~7ull;
	const Elf64_Ehdr head = made_elf_head(sections_at);
	const Elf64_Phdr segment = {.p_type = PT_LOAD,
				    .p_flags = PF_R | PF_X,
				    .p_filesz = elf->code_end,
				    .p_memsz = elf->code_end,
				    .p_align = 0x1000};
	const Elf64_Shdr sections[MADE_SECTIONS] = {
		[MADE_TEXT] = {.sh_type = SHT_PROGBITS,
			       .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			       .sh_addr = 0x100,
			       .sh_offset = 0x100,
			       .sh_size = elf->code_end - 0x100,
			       .sh_addralign = 16},
		[MADE_SYMBOLS] = {.sh_type = SHT_SYMTAB,
				  .sh_offset = symbols_at,
				  .sh_size = symbol_bytes,
				  .sh_link = MADE_NAMES,
				  .sh_info = 1,
				  .sh_addralign = 8,
				  .sh_entsize = sizeof(Elf64_Sym)},
		[MADE_NAMES] = {.sh_type = SHT_STRTAB,
				.sh_offset = names_at,
				.sh_size = elf->name_bytes,
				.sh_addralign = 1},
	};
	FILE *file = fopen(path, "w");

	if (!file)
		abort();
	made_elf_write_at(file, 0, &head, sizeof(head));
	made_elf_write_at(file, sizeof(head), &segment, sizeof(segment));
	made_elf_write_at(file, symbols_at, elf->symbols, symbol_bytes);
	made_elf_write_at(file, names_at, elf->names, elf->name_bytes);
	made_elf_write_at(file, sections_at, sections, sizeof(sections));
	if (fclose(file))
		abort();
}

#endif
