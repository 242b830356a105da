// SPDX-License-Identifier: BSD-2-Clause
#include "plt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	uint64_t address;
	const char *name;
};

struct slots {
	struct slot *items;
	size_t count;
};

static int compare_slots(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static const char *relocation_symbol(Elf *elf, size_t table_index, const GElf_Rela *relocation)
{
	Elf_Scn *section = elf_getscn(elf, table_index);
	GElf_Shdr header;
	GElf_Sym symbol;

	if (!section || !gelf_getshdr(section, &header) ||
	    !gelf_getsym(elf_getdata(section, NULL), (int)GELF_R_SYM(relocation->r_info), &symbol))
		return NULL;
	return elf_strptr(elf, header.sh_link, symbol.st_name);
}

static int slots_add_section(struct slots *slots, Elf *elf, Elf_Scn *section,
			     const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t entries = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Rela relocation;
	struct slot *grown;

	if (!data || !entries || entries > data->d_size / sizeof(Elf64_Rela))
		return 0;
	grown = reallocarray(slots->items, slots->count + entries, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	slots->items = grown;
	for (size_t i = 0; i < entries && gelf_getrela(data, (int)i, &relocation); i++) {
		uint64_t type = GELF_R_TYPE(relocation.r_info);
		const char *name = NULL;

		if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT)
			name = relocation_symbol(elf, header->sh_link, &relocation);
		if (name && *name)
			slots->items[slots->count++] = (struct slot){relocation.r_offset, name};
	}
	return 0;
}

static int slots_read(struct slots *slots, Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int error = 0;

	while (!error && (section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
		    (header.sh_flags & SHF_ALLOC))
			error = slots_add_section(slots, elf, section, &header);
	}
	if (slots->count)
		qsort(slots->items, slots->count, sizeof(*slots->items), compare_slots);
	return error;
}

/* Finds `jmp *displacement(%rip)` in an entry and adds the entry under its slot's name. */
static int add_entry(struct symbol_table *table, const struct slots *slots, const uint8_t *code,
		     uint64_t address, uint64_t bias, size_t size)
{
	for (size_t i = 0; i + 6 <= size; i++) {
		int32_t displacement;
		struct slot key, *slot;

		if (code[i] != 0xff || code[i + 1] != 0x25)
			continue;
		memcpy(&displacement, code + i + 2, sizeof(displacement));
		key.address = address + i + 6 + (uint64_t)(int64_t)displacement;
		slot = bsearch(&key, slots->items, slots->count, sizeof(key), compare_slots);
		if (slot)
			return symbol_table_add(table, &(struct table_symbol){
							       .start = address + bias,
							       .end = address + bias + size,
							       .name = slot->name,
							       .sized = true,
							       .plt = true,
						       });
	}
	return 0;
}

static int add_section(struct symbol_table *table, const struct slots *slots, Elf_Scn *section,
		       const GElf_Shdr *header, uint64_t bias)
{
	Elf_Data *data = elf_rawdata(section, NULL);
	size_t size = header->sh_entsize ? header->sh_entsize : 16;
	int error = 0;

	if (!data || !data->d_buf || size < 8 || size > 64)
		return 0;
	for (size_t at = 0; at + size <= data->d_size && !error; at += size)
		error = add_entry(table, slots, (const uint8_t *)data->d_buf + at,
				  header->sh_addr + at, bias, size);
	return error;
}

int plt_read(struct symbol_table *table, Dwfl_Module *module)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(module, &bias);
	struct slots slots = {0};
	Elf_Scn *section = NULL;
	GElf_Ehdr header;
	GElf_Shdr section_header;
	size_t names;
	int error;

	if (!elf || !gelf_getehdr(elf, &header) || header.e_machine != EM_X86_64 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || elf_getshdrstrndx(elf, &names) < 0)
		return 0;
	error = slots_read(&slots, elf);
	while (!error && slots.count && (section = elf_nextscn(elf, section))) {
		const char *name = gelf_getshdr(section, &section_header)
					   ? elf_strptr(elf, names, section_header.sh_name)
					   : NULL;

		if (name && strncmp(name, ".plt", 4) == 0 &&
		    section_header.sh_type == SHT_PROGBITS &&
		    (section_header.sh_flags & SHF_EXECINSTR))
			error = add_section(table, &slots, section, &section_header, bias);
	}
	free(slots.items);
	return error;
}
