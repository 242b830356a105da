/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of one module, sorted by address. libdwfl's own look-up walks all symbols for
 * every address.
 *
 * Of several names for one address the table gives a function rather than a label, a global name
 * rather than a local one, `malloc` rather than `__libc_malloc`. A symbol with a size names only
 * the addresses that it covers. One without (assembly) reaches up to the next symbol, inside its
 * section.
 */
#ifndef UNFREED_SYMBOL_TABLE_H
#define UNFREED_SYMBOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

struct table_symbol {
	uint64_t start;
	uint64_t end;
	uint64_t reach;   /* the farthest end of a sized symbol up to and with this one */
	const char *name; /* as in the file; lives as long as the module */
	uint8_t leading_underscores;
	bool sized;
	bool function; /* else a label */
	bool global;
	bool weak;
	bool plt; /* the entry of the procedure linkage table for `name` */
};

struct symbol_table {
	struct table_symbol *items;
	size_t count;
	size_t capacity;
};

/* Addresses are the module's, as libdwfl counts them. Returns 0 or -ENOMEM. */
int symbol_table_read(struct symbol_table *table, Dwfl_Module *module);
void symbol_table_release(struct symbol_table *table);

int symbol_table_add(struct symbol_table *table, const struct table_symbol *symbol);

/* NULL where no symbol covers the address. */
const struct table_symbol *symbol_table_find(const struct symbol_table *table, uint64_t address);

#endif
