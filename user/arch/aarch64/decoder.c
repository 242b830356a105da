/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AArch64 instructions, as uprobes see them.
 *
 * What the kernel simulates (Linux, arch/arm64/kernel/probes/decode-insn.c:
 * arm_probe_decode_insn) it takes for what it is by the bits: direct and conditional branches,
 * `br`, `blr` and `ret`, `adr` and `adrp`; `nop` from 6.13 on. It refuses what may not run
 * elsewhere and is not simulated: literal loads, exclusives, exceptions, writes of system
 * registers, and branches that authenticate. All else is single-stepped, also `stp x29, x30, [sp,
 * #-n]!` and `bti`, with which functions begin.
 *
 * Registers have their numbers, and 31 is the stack pointer. Which an instruction writes is told by
 * its class (Arm Architecture Reference Manual, C4.1), and rather one too many than one too few: an
 * argument in it is given up.
 */
#include "../disassembler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../../bpf/probes.h"
#include "encoding.h"

enum { LINK = 30, STACK = 31, OPERANDS_MAX = 36 };

const uint8_t argument_registers[ARGUMENT_COUNT] = {0, 1, 2};
const uint8_t result_register = 0;
const uint8_t frame_register = REGISTER_NONE;
const uint8_t extra_register = REGISTER_NONE;
const uint32_t call_clobbered_registers = 0x0007ffff | 1u << LINK; /* x0 to x18 */

static bool matches(uint32_t word, uint32_t mask, uint32_t value)
{
	return (word & mask) == value;
}

/* Class "branches, exceptions and system instructions". */
static bool is_system(uint32_t word)
{
	return matches(word, 0x1c000000, 0x14000000);
}

static bool is_hint(uint32_t word)
{
	return matches(word, 0xfffff01f, 0xd503201f);
}

static bool is_conditional(uint32_t word)
{
	return matches(word, 0xff000010, 0x54000000); /* b.cond */
}

static bool is_zero_branch(uint32_t word)
{
	return matches(word, 0x7e000000, 0x34000000); /* cbz, cbnz */
}

static bool is_bit_branch(uint32_t word)
{
	return matches(word, 0x7e000000, 0x36000000); /* tbz, tbnz */
}

/* br, blr, ret and others to an address in a register */
static bool is_register_branch(uint32_t word)
{
	return matches(word, 0xfe000000, 0xd6000000);
}

/* These three without authentication. */
static bool is_plain_register_branch(uint32_t word)
{
	return matches(word, 0xff9ffc1f, 0xd61f0000) && (word >> 21 & 3) != 3;
}

static enum code_flow register_flow(uint32_t word)
{
	switch (word >> 21 & 7) {
	case 0:
		return FLOW_JUMP;
	case 1:
		return FLOW_CALL;
	case 2:
		return FLOW_RETURN;
	default:
		return FLOW_STOP; /* eret, drps */
	}
}

static enum code_flow find_flow(uint32_t word)
{
	if (is_jump_or_call(word))
		return is_call(word) ? FLOW_CALL : FLOW_JUMP;
	if (is_conditional(word) || is_zero_branch(word) || is_bit_branch(word))
		return FLOW_BRANCH;
	if (is_register_branch(word))
		return register_flow(word);
	if (matches(word, 0xff000000, 0xd4000000)) /* exceptions */
		return matches(word, 0xffe0001f, 0xd4000001) ? FLOW_NEXT : FLOW_STOP; /* svc */
	return matches(word, 0xffff0000, 0) ? FLOW_STOP : FLOW_NEXT;                  /* udf */
}

static bool is_literal_load(uint32_t word)
{
	return matches(word, 0x3b000000, 0x18000000);
}

/* Exclusives, and other loads and stores that are ordered, which the kernel may take. */
static bool is_ordered(uint32_t word)
{
	return matches(word, 0x3f000000, 0x08000000);
}

static bool is_refused(uint32_t word)
{
	if (is_literal_load(word) || is_ordered(word) || matches(word, 0xffff0000, 0))
		return true;
	if (!is_system(word) || is_hint(word))
		return false;
	return matches(word, 0xff000000, 0xd4000000) || is_register_branch(word) ||
	       matches(word, 0xfff00000, 0xd5000000) || matches(word, 0xfff00000, 0xd5100000);
}

static enum probe_cost find_cost(uint32_t word)
{
	if (is_jump_or_call(word) || is_conditional(word) || is_zero_branch(word) ||
	    is_bit_branch(word) || is_plain_register_branch(word) ||
	    matches(word, 0x1f000000, 0x10000000)) /* adr, adrp */
		return COST_EMULATED;
	if (word == NOP)
		return COST_EMULATED_NOP;
	return is_refused(word) ? COST_REFUSED : COST_STEPPED;
}

static uint64_t find_target(uint32_t word, uint64_t at)
{
	if (is_jump_or_call(word))
		return jump_target(word, at);
	if (is_conditional(word) || is_zero_branch(word))
		return at + (uint64_t)(signed_field(word, 5, 19) * 4);
	if (is_bit_branch(word))
		return at + (uint64_t)(signed_field(word, 5, 14) * 4);
	return CODE_NOWHERE;
}

/* --- what is written --- */

/* A register field where 31 is the zero register. */
static uint32_t general(uint8_t number)
{
	return number == ZERO_OR_SP ? 0 : 1u << number;
}

static bool is_pair(uint32_t word)
{
	return matches(word, 0x3a000000, 0x28000000);
}

/* One register, with an offset that is not only added: before (3) or behind (1) the access. */
static bool is_single_moving(uint32_t word)
{
	return matches(word, 0x3b200400, 0x38000400);
}

static bool moves_base(uint32_t word)
{
	return is_pair(word) ? word >> 23 & 1 : is_single_moving(word);
}

static uint32_t writes_of_access(uint32_t word)
{
	bool is_vector = word >> 26 & 1, is_load = word >> 22 & 1;
	uint32_t base = moves_base(word) ? 1u << base_register(word) : 0;
	uint32_t first = general(first_register(word)), second = general(word >> 10 & 31);

	if (is_ordered(word))
		return first | second | general(third_register(word)) |
		       general((third_register(word) + 1) & 31);
	if (is_vector)
		return base;
	if (is_literal_load(word))
		return first;
	if (is_pair(word))
		return base | (is_load ? first | second : 0);
	/* opc 0 is a store, but where bit 21 tells of an atomic operation */
	bool is_atomic = matches(word, 0x3b200c00, 0x38200000);
	return base | (word >> 22 & 3 || is_atomic ? first : 0);
}

static uint32_t writes_of_system(uint32_t word)
{
	if (find_flow(word) == FLOW_CALL)
		return 1u << LINK;
	if (matches(word, 0xff000000, 0xd4000000))
		return 1u; /* svc: the result */
	if (is_hint(word)) /* pointer authentication signs x30 or x17, by x16 */
		return word == NOP || matches(word, 0xffffff3f, 0xd503241f)
			       ? 0
			       : 1u << LINK | 1u << 17 | 1u << 16;
	if (matches(word, 0xfff00000, 0xd5300000) || matches(word, 0xfff80000, 0xd5280000))
		return general(first_register(word)); /* mrs, sysl */
	return 0;
}

/* Whether 31 in the first field is the stack pointer. */
static bool is_of_stack(uint32_t word)
{
	bool sets_flags = word >> 29 & 1;

	if (matches(word, 0x1f800000, 0x11000000) || matches(word, 0x1fe00000, 0x0b200000))
		return !sets_flags; /* add, sub: an immediate, an extended register */
	if (matches(word, 0x1f800000, 0x12000000))
		return (word >> 29 & 3) != 3;         /* and, orr, eor */
	return matches(word, 0x1f800000, 0x11800000); /* of tags */
}

static uint32_t writes_of(uint32_t word)
{
	if (is_system(word))
		return writes_of_system(word);
	if (matches(word, 0x0a000000, 0x08000000))
		return writes_of_access(word);
	if (matches(word, 0x1fe00000, 0x1a400000))
		return 0; /* ccmp, ccmn */
	if (first_register(word) == ZERO_OR_SP)
		return is_of_stack(word) ? 1u << STACK : 0;
	return 1u << first_register(word); /* of vectors too, which may go to a general one */
}

/* --- what it means --- */

static bool is_store(uint32_t word)
{
	return matches(word, 0x0a000000, 0x08000000) && !is_literal_load(word) &&
	       (is_pair(word) ? !(word >> 22 & 1) : true);
}

static int32_t stack_pops(uint32_t word)
{
	bool of_stack = first_register(word) == STACK && base_register(word) == STACK;

	if (of_stack && matches(word, 0xff800000, 0x91000000))
		return (int32_t)(immediate_12(word) << (word >> 22 & 1 ? 12 : 0));
	if (of_stack && matches(word, 0xff800000, 0xd1000000))
		return -(int32_t)(immediate_12(word) << (word >> 22 & 1 ? 12 : 0));
	if (is_pair(word) && !(word >> 26 & 1) && word >> 31)
		return (int32_t)signed_field(word, 15, 7) * 8;
	if (is_single_moving(word) && base_register(word) == STACK)
		return (int32_t)signed_field(word, 12, 9);
	return STACK_UNKNOWN;
}

static uint8_t find_zeroed(uint32_t word)
{
	if (matches(word, 0x7f9fffe0, 0x52800000) || matches(word, 0x7fffffe0, 0x2a1f03e0))
		return first_register(word); /* movz #0; orr of two zero registers */
	return REGISTER_NONE;
}

static void find_copy(uint32_t word, struct instruction *out)
{
	if (!matches(word, 0xffe0ffe0, 0xaa0003e0) || third_register(word) == ZERO_OR_SP ||
	    first_register(word) == ZERO_OR_SP)
		return;
	out->copy_to = first_register(word);
	out->copy_from = third_register(word);
}

static void find_test(uint32_t word, struct instruction *out)
{
	if (matches(word, 0xfffffc1f, 0xf100001f)) /* cmp x, #0 */
		out->tested = base_register(word);
	else if (matches(word, 0xffe0fc1f, 0xea00001f) &&
		 base_register(word) == third_register(word)) /* tst x, x */
		out->tested = base_register(word);
	else if (is_zero_branch(word) && word >> 31)
		out->tested = first_register(word);
	if (out->tested == ZERO_OR_SP)
		out->tested = REGISTER_NONE;
}

static void find_branch(uint32_t word, struct instruction *out)
{
	uint8_t code = word & 15;

	if (is_conditional(word) && code < 14) {
		out->taken_if = PROBE_CONDITION(code);
		out->passed_if = PROBE_CONDITION(code ^ 1);
		out->branches_on_zero = code == 0;
		out->branches_on_other = code == 1;
	}
	if (out->tested != REGISTER_NONE && is_zero_branch(word)) {
		out->branches_on_zero = !(word >> 24 & 1);
		out->branches_on_other = word >> 24 & 1;
	}
}

static void find_meaning(uint32_t word, struct instruction *out)
{
	out->writes = writes_of(word);
	out->moves_stack =
		out->writes >> STACK & 1 || (is_store(word) && base_register(word) == STACK);
	/* with the return address in x30 goes what a site before it could tell of the caller */
	if (out->writes >> LINK & 1)
		out->pops = STACK_UNKNOWN;
	else
		out->pops = out->writes >> STACK & 1 ? stack_pops(word) : 0;
	out->zeroed = find_zeroed(word);
	find_copy(word, out);
	find_test(word, out);
	find_branch(word, out);
}

/* --- text --- */

static void write_text(struct decoder *decoder, const uint8_t *bytes, struct instruction *out)
{
	size_t left = INSTRUCTION_BYTES;
	uint64_t address = 0;

	if (cs_disasm_iter(decoder->handle, &bytes, &left, &address, decoder->insn))
		instruction_write(out, decoder->insn, OPERANDS_MAX);
	else
		snprintf(out->text, sizeof(out->text), ".inst %#x", word_at(bytes));
}

/* It is for text alone: what it calls this machine's registers and instructions differs between its
 * versions. */
cs_err disassembler_open(csh *handle)
{
	return cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, handle);
}

int instruction_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t offset,
		       struct instruction *out)
{
	instruction_begin(out, offset);
	if (offset % INSTRUCTION_BYTES || offset >= size || size - offset < INSTRUCTION_BYTES)
		return -EILSEQ;
	uint32_t word = word_at(bytes + offset);
	out->size = INSTRUCTION_BYTES;
	out->cost = find_cost(word);
	out->flow = find_flow(word);
	out->target = find_target(word, offset);
	find_meaning(word, out);
	write_text(decoder, bytes + offset, out);
	return 0;
}

/* `bti c` may stand before `adrp x16, page; ldr x17, [x16, #offset]`. */
uint64_t stub_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address,
		     uint64_t offset)
{
	(void)decoder;
	for (int i = 0; i < 2; i++, offset += INSTRUCTION_BYTES) {
		if (offset % INSTRUCTION_BYTES || offset >= size ||
		    size - offset < 2 * INSTRUCTION_BYTES)
			break;
		uint32_t word = word_at(bytes + offset);
		uint32_t load = word_at(bytes + offset + INSTRUCTION_BYTES);
		if (is_adrp(word) && is_load_64(load) &&
		    first_register(word) == base_register(load))
			return adrp_page(word, address + offset) + load_offset(load);
		if (word != BTI_C)
			break;
	}
	return CODE_NOWHERE;
}

bool jump_next(const uint8_t *bytes, size_t size, uint64_t from, struct code_jump *jump)
{
	for (uint64_t at = (from + 3) & ~UINT64_C(3); at + INSTRUCTION_BYTES <= size;
	     at += INSTRUCTION_BYTES) {
		uint32_t word = word_at(bytes + at);
		uint64_t target = find_target(word, at);

		if (target == CODE_NOWHERE || is_call(word))
			continue;
		*jump = (struct code_jump){.offset = at, .prefix = at, .target = target};
		return true;
	}
	return false;
}
