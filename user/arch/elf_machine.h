/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files of this machine, all of which are of 64 bits and little-endian.
 */
#ifndef UNFREED_ARCH_ELF_MACHINE_H
#define UNFREED_ARCH_ELF_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint16_t elf_machine;       /* EM_* */
extern const char elf_machine_name[];    /* in a message */
extern const char elf_machine_refusal[]; /* why a file of another one is not read */

/* Whether the dynamic linker fills the word with the address of a symbol: R_* of a relocation. */
bool relocation_is_slot(uint64_t type);

/*
 * The address of the word through which an entry of the procedure linkage table at `address` jumps,
 * its `size` bytes given, as far as `is_slot` knows such a word; 0: none.
 */
typedef bool stub_slot_fn(void *context, uint64_t address);
uint64_t stub_slot(const uint8_t *bytes, size_t size, uint64_t address, stub_slot_fn *is_slot,
		   void *context);

#endif
