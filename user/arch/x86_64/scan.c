/* SPDX-License-Identifier: BSD-2-Clause */
#include "../scan.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"

const uint8_t landing_pad[LANDING_PAD_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */

static uint64_t memory_operand(const cs_insn *insn, const cs_x86_op *operand)
{
	if (operand->mem.segment != X86_REG_INVALID || operand->mem.index != X86_REG_INVALID)
		return 0;
	if (operand->mem.base == X86_REG_RIP)
		return insn->address + insn->size + (uint64_t)operand->mem.disp;
	return operand->mem.base == X86_REG_INVALID ? (uint64_t)operand->mem.disp : 0;
}

static void fill_memory(const cs_insn *insn, const cs_x86_op *operand, struct scanned *scanned)
{
	scanned->operand = memory_operand(insn, operand);
	scanned->operand_bytes = operand->size;
	if (operand->mem.segment != X86_REG_FS)
		return;
	scanned->flags |= SCANNED_THREAD;
	scanned->displacement = operand->mem.disp;
	if (operand->mem.base != X86_REG_INVALID)
		scanned->flags |= SCANNED_BASED;
}

static void fill(const cs_insn *insn, struct scanned *scanned)
{
	const cs_x86 *x86 = &insn->detail->x86;

	*scanned = (struct scanned){.address = insn->address};
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM)
			fill_memory(insn, operand, scanned);
		if (operand->type == X86_OP_IMM && insn->id == X86_INS_CALL)
			scanned->target = (uint64_t)operand->imm;
		else if (operand->type == X86_OP_IMM)
			scanned->immediate = operand->imm;
	}
	if (insn->id == X86_INS_MOV && x86->op_count == 2 && x86->operands[1].type == X86_OP_MEM)
		scanned->flags |= SCANNED_LOAD;
	if (insn->id == X86_INS_RET)
		scanned->flags |= SCANNED_RETURN;
}

ssize_t scan_decode(const uint8_t *bytes, size_t size, uint64_t address, struct scanned **scanned)
{
	ssize_t error = -ENOMEM;
	size_t count = 0;
	csh handle;

	*scanned = NULL;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return error;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs_insn *insn = cs_malloc(handle);
	if (insn)
		error = 0;
	while (!error && cs_disasm_iter(handle, &bytes, &size, &address, insn)) {
		struct scanned next;

		fill(insn, &next);
		if (!array_append(scanned, &count, next))
			error = -ENOMEM;
	}
	if (insn)
		cs_free(insn, 1);
	cs_close(&handle);
	if (!error)
		return (ssize_t)count;
	free(*scanned);
	*scanned = NULL;
	return error;
}

/* The four bytes at `at` are part of `lea`, or an immediate of `cmp` or `mov`. */
bool scan_is_reference(const uint8_t *at, uint64_t address, uint64_t wanted)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	bool wide = (at[-3] & 0xf8) == 0x48;
	if (address + 4 + (uint64_t)(int64_t)value == wanted)
		return wide && at[-2] == 0x8d && (at[-1] & 0xc7) == 0x05;
	if ((uint64_t)(uint32_t)value != wanted)
		return false;
	return (at[-2] == 0x48 && at[-1] == 0x3d) || (wide && at[-2] == 0x81 && at[-1] >= 0xf8) ||
	       ((at[-7] & 0xf8) == 0x48 && at[-6] == 0x81 && at[-5] == 0x3d) ||
	       (wide && at[-2] == 0xc7 && at[-1] >= 0xc0) || (at[-1] & 0xf8) == 0xb8;
}

/* int3 */
bool scan_is_breakpoint(const uint8_t *bytes, size_t at)
{
	return bytes[at] == 0xcc;
}

/* 90 with any number of 66 before it, and 0f 1f with its operand. */
size_t scan_nop(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && (bytes[at] == 0x66 || bytes[at] == 0x2e))
		at++;
	if (at < size && bytes[at] == 0x90)
		return at + 1;
	if (at + 3 > size || bytes[at] != 0x0f || bytes[at + 1] != 0x1f)
		return 0;
	uint8_t modrm = bytes[at + 2];
	at += 3;
	if ((modrm & 0x38) || modrm >> 6 == 3)
		return 0;
	at += (modrm & 7) == 4;
	at += modrm >> 6 == 1 ? 1 : modrm >> 6 == 2 ? 4 : 0;
	return at <= size ? at : 0;
}
