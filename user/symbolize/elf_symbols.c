/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf_symbols.h"

#include <errno.h>
#include <stddef.h>

Elf *elf_symbols_open(int fd)
{
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);

	if (!elf || elf_kind(elf) == ELF_K_ELF)
		return elf;
	elf_end(elf);
	return NULL;
}

int elf_symbols_find_code(Elf *elf, GElf_Phdr *code)
{
	size_t count;

	if (elf_getphdrnum(elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count && gelf_getphdr(elf, (int)i, code); i++)
		if (code->p_type == PT_LOAD && code->p_flags & PF_X)
			return 0;
	return -ENOEXEC;
}

static int visit_section(Elf *elf, Elf_Scn *section, GElf_Word names, elf_symbol_fn *act,
			 void *context)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;
	int result = 0;

	for (int i = 0; data && !result && gelf_getsym(data, i, &symbol); i++) {
		const char *name = symbol.st_shndx == SHN_UNDEF
					   ? NULL
					   : elf_strptr(elf, names, symbol.st_name);

		if (name && *name)
			result = act(context, &symbol, name);
	}
	return result;
}

int elf_symbols_visit(Elf *elf, elf_symbol_fn *act, void *context)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int result = 0;

	while (!result && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			result = visit_section(elf, section, header.sh_link, act, context);
	return result;
}

bool elf_symbols_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}
