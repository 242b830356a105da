/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbol tables of an ELF file, as those go through them who ask for more than functions. The
 * file is the target's: in the confined process alone.
 */
#ifndef UNFREED_ELF_SYMBOLS_H
#define UNFREED_ELF_SYMBOLS_H

#include <gelf.h>
#include <stdbool.h>
#include <sys/stat.h>

/* NULL: it is no ELF file. To be ended with elf_end(), before the descriptor is closed. */
Elf *elf_symbols_open(int fd);

/* The first executable segment. Returns 0 or -ENOEXEC. */
int elf_symbols_find_code(Elf *elf, GElf_Phdr *code);

typedef int elf_symbol_fn(void *context, const GElf_Sym *symbol, const char *name);

/*
 * Calls `act` with each symbol that is defined in the file and has a name; one that is in both
 * tables comes twice. Stops at the first that returns not 0, and returns that, else 0.
 */
int elf_symbols_visit(Elf *elf, elf_symbol_fn *act, void *context);

/* Whether it is one file, unchanged. */
bool elf_symbols_same_file(const struct stat *a, const struct stat *b);

#endif
