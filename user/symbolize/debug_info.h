/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files, lines and inlined calls from a module's DWARF.
 */
#ifndef UNFREED_DEBUG_INFO_H
#define UNFREED_DEBUG_INFO_H

#include <elfutils/libdwfl.h>

#include "symbolizer.h"

struct debug_info;

/* Returns NULL with errno; ENODATA where the module has no DWARF. The module must outlive it. */
struct debug_info *debug_info_new(Dwfl_Module *module);
void debug_info_free(struct debug_info *info);

/*
 * Appends what stands at the address (the module's, as libdwfl counts; of the call itself, not
 * where it returns to), innermost first; nothing where DWARF does not know it. `named` has the
 * names of the function by the symbol table, which those of the outermost symbol are; where it has
 * none DWARF's are taken. Returns 0 or -ENOMEM.
 */
int debug_info_lookup(struct debug_info *info, uint64_t address, const struct symbol *named,
		      struct symbol_list *list);

#endif
