/* SPDX-License-Identifier: BSD-2-Clause */
#include "../elf_machine.h"

#include <elf.h>
#include <string.h>

const uint16_t elf_machine = EM_X86_64;
const char elf_machine_name[] = "x86-64";
const char elf_machine_refusal[] = "not for 64-bit x86";

bool relocation_is_slot(uint64_t type)
{
	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
}

/* `jmp *displacement(%rip)` */
uint64_t stub_slot(const uint8_t *bytes, size_t size, uint64_t address, stub_slot_fn *is_slot,
		   void *context)
{
	for (size_t i = 0; i + 6 <= size; i++) {
		int32_t displacement;
		uint64_t slot;

		if (bytes[i] != 0xff || bytes[i + 1] != 0x25)
			continue;
		memcpy(&displacement, bytes + i + 2, sizeof(displacement));
		slot = address + i + 6 + (uint64_t)(int64_t)displacement;
		if (is_slot(context, slot))
			return slot;
	}
	return 0;
}
