/* SPDX-License-Identifier: BSD-2-Clause */
#include "code.h"

#include "../lib/sorted.h"

/* NULL where the address is not that of a known GOT word. */
static const struct code_slot *find_slot(const struct code *code, uint64_t address)
{
	size_t low = sorted_below(code->slots, code->slot_count, address, address);

	if (low == code->slot_count || code->slots[low].address != address)
		return NULL;
	return &code->slots[low];
}

const struct code_slot *instruction_slot(const struct code *code,
					 const struct instruction *instruction)
{
	if (instruction->slot == CODE_NOWHERE)
		return NULL;
	return find_slot(code, code->address + instruction->slot);
}

const struct code_slot *code_stub_slot(struct decoder *decoder, const struct code *code,
				       uint64_t offset)
{
	uint64_t address = stub_decode(decoder, code->bytes, code->size, code->address, offset);

	return address == CODE_NOWHERE ? NULL : find_slot(code, address);
}

uint64_t code_offset(const struct code *code, uint64_t address)
{
	if (address < code->address || address - code->address >= code->size)
		return CODE_NOWHERE;
	return address - code->address;
}
