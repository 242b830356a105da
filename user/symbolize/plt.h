/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PLT_H
#define UNFREED_PLT_H

#include "symbol_table.h"

/*
 * Adds the entries of the procedure linkage table, which have no symbols: each jumps through a slot
 * for which a relocation names the function. Nothing for other machines. Returns 0 or -ENOMEM.
 */
int plt_read(struct symbol_table *table, Dwfl_Module *module);

#endif
