/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/sorted.h"
#include "plt.h"

static uint8_t leading_underscores(const char *name)
{
	size_t count = strspn(name, "_");

	if (count == 1 && (name[1] == 'Z' || name[1] == 'R'))
		return 0;
	return count < UINT8_MAX ? (uint8_t)count : UINT8_MAX;
}

/* Where the section of an unsized symbol ends; 0 where it holds no code. */
static uint64_t code_section_end(Elf *elf, GElf_Word index, uint64_t bias, uint64_t address)
{
	GElf_Shdr header;
	Elf_Scn *section = elf_getscn(elf, index);
	uint64_t start;

	if (!section || !gelf_getshdr(section, &header) || !(header.sh_flags & SHF_EXECINSTR))
		return 0;
	start = header.sh_addr + bias;
	return address >= start && address - start < header.sh_size ? start + header.sh_size : 0;
}

static bool symbol_read(Dwfl_Module *module, int index, struct table_symbol *symbol)
{
	GElf_Sym sym;
	GElf_Addr address, bias;
	GElf_Word section;
	Elf *elf;
	const char *name =
		dwfl_module_getsym_info(module, index, &sym, &address, &section, &elf, &bias);
	int type = GELF_ST_TYPE(sym.st_info);

	if (!name || !*name || *name == '$' || section == SHN_UNDEF || section == SHN_ABS)
		return false;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	*symbol = (struct table_symbol){
		.start = address,
		.name = name,
		.leading_underscores = leading_underscores(name),
		.sized = sym.st_size > 0,
		.function = type != STT_NOTYPE,
		.global = GELF_ST_BIND(sym.st_info) != STB_LOCAL,
		.weak = GELF_ST_BIND(sym.st_info) == STB_WEAK,
	};
	if (!symbol->sized || !symbol->function)
		symbol->end = code_section_end(elf, section, bias, address);
	if (symbol->sized && (symbol->function || symbol->end))
		symbol->end = address + sym.st_size;
	return symbol->end > address;
}

/* Orders names for one address: the one to show comes last. */
static int compare_aliases(const struct table_symbol *a, const struct table_symbol *b)
{
	if (a->function != b->function)
		return a->function - b->function;
	if (a->global != b->global)
		return a->global - b->global;
	if (a->leading_underscores != b->leading_underscores)
		return b->leading_underscores - a->leading_underscores;
	if (a->weak != b->weak)
		return b->weak - a->weak;
	size_t a_length = strlen(a->name), b_length = strlen(b->name);

	if (a_length != b_length)
		return a_length < b_length ? 1 : -1;
	return strcmp(b->name, a->name);
}

static int compare_symbols(const void *left, const void *right)
{
	const struct table_symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->sized != b->sized)
		return a->sized - b->sized;
	return compare_aliases(a, b);
}

int symbol_table_add(struct symbol_table *table, const struct table_symbol *symbol)
{
	if (table->count == table->capacity) {
		size_t capacity = table->capacity ? table->capacity * 2 : 1024;
		struct table_symbol *grown = reallocarray(table->items, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		table->items = grown;
		table->capacity = capacity;
	}
	table->items[table->count++] = *symbol;
	return 0;
}

static void table_sort(struct symbol_table *table)
{
	uint64_t reach = 0;

	if (table->count)
		qsort(table->items, table->count, sizeof(*table->items), compare_symbols);
	for (size_t i = 0; i < table->count; i++) {
		if (table->items[i].sized && table->items[i].end > reach)
			reach = table->items[i].end;
		table->items[i].reach = reach;
	}
}

int symbol_table_read(struct symbol_table *table, Dwfl_Module *module)
{
	int count = dwfl_module_getsymtab(module);
	struct table_symbol symbol;
	int error = 0;

	*table = (struct symbol_table){0};
	for (int i = 1; i < count && !error; i++) {
		if (symbol_read(module, i, &symbol))
			error = symbol_table_add(table, &symbol);
	}
	if (!error)
		error = plt_read(table, module);
	if (error)
		symbol_table_release(table);
	table_sort(table);
	return error;
}

void symbol_table_release(struct symbol_table *table)
{
	free(table->items);
	*table = (struct symbol_table){0};
}

const struct table_symbol *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
	const struct table_symbol *nearest;
	size_t low = sorted_count(table->items, table->count, start, address);

	for (size_t i = low; i > 0 && table->items[i - 1].reach > address; i--) {
		if (table->items[i - 1].sized && table->items[i - 1].end > address)
			return &table->items[i - 1];
	}
	if (!low)
		return NULL;
	nearest = &table->items[low - 1];
	return !nearest->sized && nearest->end > address ? nearest : NULL;
}
