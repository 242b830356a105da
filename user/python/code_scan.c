/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_scan.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"

enum { CHUNK_BYTES = 1 << 20, OVERLAP = 16 };

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

static ssize_t decode(const uint8_t *bytes, size_t size, uint64_t address, struct scanned **scanned)
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

ssize_t code_scan_read(const struct python_binary *binary, uint64_t address, size_t size,
		       struct scanned **scanned)
{
	if (size > SCAN_BYTES_MAX)
		size = SCAN_BYTES_MAX;
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	ssize_t got = binary_bytes_read(binary, address, bytes, size);
	if (got >= 0)
		got = decode(bytes, (size_t)got, address, scanned);
	free(bytes);
	return got;
}

int code_scan(const struct python_binary *binary, uint64_t address, size_t size,
	      bool (*visit)(const struct scanned *scanned, void *context), void *context)
{
	struct scanned *scanned;
	ssize_t count = code_scan_request(binary, address, size, &scanned);

	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count && visit(&scanned[i], context); i++)
		;
	free(scanned);
	return 0;
}

int code_site_read(const struct python_binary *binary, const struct alloc_function *function,
		   uint64_t address, struct site *site)
{
	uint8_t code[SITE_BYTES];
	ssize_t size = binary_is_code(binary, address)
			       ? binary_bytes_read(binary, address, code, sizeof(code))
			       : -EFAULT;

	if (size < 0)
		return (int)size;
	site_choose(function, code, (size_t)size, binary_file_offset(binary, address), site);
	return 0;
}

/* Whether the four bytes at `at` are part of `lea`, or an immediate of `cmp` or `mov`. */
static bool is_reference(const uint8_t *at, uint64_t address, uint64_t wanted)
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

static void count_in(const uint8_t *bytes, size_t size, uint64_t address,
		     struct code_references *references, size_t count)
{
	for (size_t i = OVERLAP; i + 4 <= size; i++)
		for (size_t j = 0; j < count; j++)
			references[j].count +=
				is_reference(bytes + i, address + i, references[j].address);
}

int code_references_read(const struct python_binary *binary, struct code_references *references,
			 size_t count)
{
	uint8_t *bytes = malloc(CHUNK_BYTES);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		references[i].count = 0;
	for (size_t i = 0; i < binary->segment_count; i++) {
		const struct elf_segment *segment = &binary->segments[i];

		for (uint64_t at = 0; segment->flags & PF_X && at < segment->size;) {
			ssize_t got = binary_bytes_read(binary, segment->address + at, bytes,
							CHUNK_BYTES);

			if (got <= OVERLAP + 4)
				break;
			count_in(bytes, (size_t)got, segment->address + at, references, count);
			at += (uint64_t)got - OVERLAP - 3;
		}
	}
	free(bytes);
	return 0;
}

/* The NOPs that assemblers pad with: 90 with any number of 66 before it, and 0f 1f with its
 * operand. */
static size_t nop_bytes(const uint8_t *bytes, size_t size)
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

size_t code_nops(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t one = nop_bytes(bytes + at, size - at);

		if (!one)
			return 0;
		at += one;
	}
	return at;
}
