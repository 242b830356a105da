/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_scan.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_BYTES_MAX = 1 << 16, CHUNK_BYTES = 1 << 20, OVERLAP = 16 };

static uint64_t memory_operand(const cs_insn *insn, const cs_x86_op *operand)
{
	if (operand->type != X86_OP_MEM || operand->mem.segment != X86_REG_INVALID ||
	    operand->mem.index != X86_REG_INVALID)
		return 0;
	if (operand->mem.base == X86_REG_RIP)
		return insn->address + insn->size + (uint64_t)operand->mem.disp;
	return operand->mem.base == X86_REG_INVALID ? (uint64_t)operand->mem.disp : 0;
}

static void fill(const cs_insn *insn, struct scanned *scanned)
{
	const cs_x86 *x86 = &insn->detail->x86;

	*scanned = (struct scanned){.address = insn->address};
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM) {
			scanned->operand = memory_operand(insn, operand);
			scanned->operand_bytes = operand->size;
		}
		if (operand->type == X86_OP_IMM && insn->id == X86_INS_CALL)
			scanned->target = (uint64_t)operand->imm;
		else if (operand->type == X86_OP_IMM)
			scanned->immediate = operand->imm;
	}
}

int code_scan(const struct python_image *image, uint64_t address, size_t size,
	      bool (*visit)(const struct scanned *scanned, void *context), void *context)
{
	uint8_t *bytes = NULL;
	cs_insn *insn = NULL;
	csh handle;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return -ENOMEM;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	if (size > SCAN_BYTES_MAX)
		size = SCAN_BYTES_MAX;
	bytes = malloc(size);
	insn = cs_malloc(handle);
	ssize_t got = bytes && insn ? image_read(image, address, bytes, size) : -ENOMEM;
	if (got > 0) {
		const uint8_t *at = bytes;
		size_t left = (size_t)got;
		struct scanned scanned;
		bool more = true;

		while (more && cs_disasm_iter(handle, &at, &left, &address, insn)) {
			fill(insn, &scanned);
			more = visit(&scanned, context);
		}
	}
	free(bytes);
	if (insn)
		cs_free(insn, 1);
	cs_close(&handle);
	return got < 0 ? (int)got : 0;
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

int code_count_references(const struct python_image *image, struct code_references *references,
			  size_t count)
{
	uint8_t *bytes = malloc(CHUNK_BYTES);

	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		references[i].count = 0;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		for (uint64_t at = 0; segment->executable && at < segment->file_bytes;) {
			ssize_t got = image_read(image, segment->address + at, bytes, CHUNK_BYTES);

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
