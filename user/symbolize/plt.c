/* SPDX-License-Identifier: BSD-2-Clause */
#include "plt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/elf_machine.h"
#include "../elf/elf_file.h"
#include "../lib/array.h"

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

static int add_slot(void *context, uint64_t address, const GElf_Sym *symbol, const char *name)
{
	const struct slot slot = {address, name};
	struct slots *slots = context;

	(void)symbol;
	return !*name || array_append(&slots->items, &slots->count, slot) ? 0 : -ENOMEM;
}

static int slots_read(struct slots *slots, const struct elf_file *file)
{
	int error = elf_file_slots(file, add_slot, slots);

	if (slots->count)
		qsort(slots->items, slots->count, sizeof(*slots->items), compare_slots);
	return error;
}

static const struct slot *find_slot(const struct slots *slots, uint64_t address)
{
	const struct slot key = {.address = address};

	return bsearch(&key, slots->items, slots->count, sizeof(key), compare_slots);
}

static bool is_slot(void *context, uint64_t address)
{
	return find_slot(context, address);
}

/* Adds an entry under its slot's name. */
static int add_entry(struct symbol_table *table, struct slots *slots, const uint8_t *code,
		     uint64_t address, uint64_t bias, size_t size)
{
	uint64_t at = stub_slot(code, size, address, is_slot, slots);
	const struct slot *slot = at ? find_slot(slots, at) : NULL;

	if (!slot)
		return 0;
	return symbol_table_add(table, &(struct table_symbol){
					       .start = address + bias,
					       .end = address + bias + size,
					       .name = slot->name,
					       .sized = true,
					       .plt = true,
				       });
}

static int add_section(struct symbol_table *table, struct slots *slots, Elf_Scn *section,
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
	const struct elf_file file = {.elf = dwfl_module_getelf(module, &bias), .fd = -1};
	struct slots slots = {0};
	Elf_Scn *section = NULL;
	GElf_Shdr section_header;
	size_t names;
	int error;

	if (!file.elf || elf_file_check(&file) || elf_getshdrstrndx(file.elf, &names) < 0)
		return 0;
	error = slots_read(&slots, &file);
	while (!error && slots.count && (section = elf_nextscn(file.elf, section))) {
		const char *name = gelf_getshdr(section, &section_header)
					   ? elf_strptr(file.elf, names, section_header.sh_name)
					   : NULL;

		if (name && strncmp(name, ".plt", 4) == 0 &&
		    section_header.sh_type == SHT_PROGBITS &&
		    (section_header.sh_flags & SHF_EXECINSTR))
			error = add_section(table, &slots, section, &section_header, bias);
	}
	free(slots.items);
	return error;
}
