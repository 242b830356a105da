/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: ELF for the Arm 64-bit Architecture (AArch64), 5.7 (relocations) and 6.2 (linkage
 * tables).
 */
#include "../elf_machine.h"

#include <elf.h>

#include "encoding.h"

const uint16_t elf_machine = EM_AARCH64;
const char elf_machine_name[] = "AArch64";
const char elf_machine_refusal[] = "not for 64-bit Arm";

bool relocation_is_slot(uint64_t type)
{
	return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
}

/* `adrp x16, page; ldr x17, [x16, #offset]` */
uint64_t stub_slot(const uint8_t *bytes, size_t size, uint64_t address, stub_slot_fn *is_slot,
		   void *context)
{
	for (size_t i = 0; i + 8 <= size; i += 4) {
		uint32_t page = word_at(bytes + i), load = word_at(bytes + i + 4);
		uint64_t slot;

		if (!is_adrp(page) || !is_load_64(load) ||
		    first_register(page) != base_register(load))
			continue;
		slot = adrp_page(page, address + i) + load_offset(load);
		if (is_slot(context, slot))
			return slot;
	}
	return 0;
}
