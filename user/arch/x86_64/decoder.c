/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64 instructions, as uprobes see them.
 *
 * What the kernel emulates is read off the bytes and not off the disassembly, because the kernel
 * (arch/x86/kernel/uprobes.c: branch_setup_xol_ops, push_setup_xol_ops, is_prefix_bad) compares
 * bytes too: `push` takes no prefix but 41, `nop` is 90 alone (`41 90` is an xchg that old kernels
 * take for a nop, `66 90` is refused before Linux 6.16), branches take no 66. The longer nops are
 * the kernel's own x86_nops, all else that reads as a nop is stepped. The one of 5 bytes is left
 * out: Linux 6.18 turns it into a call that overwrites the red zone.
 */
#include "../disassembler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../../bpf/probes.h"

enum { OPERANDS_MAX = 18 };

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11 };

const uint8_t argument_registers[ARGUMENT_COUNT] = {RDI, RSI, RDX};
const uint8_t result_register = RAX;
const uint32_t call_clobbered_registers = 1u << RAX | 1u << RCX | 1u << RDX | 1u << RSI |
					  1u << RDI | 1u << R8 | 1u << R9 | 1u << R10 | 1u << R11;
const uint8_t frame_register = RBP;
const uint8_t extra_register = RBX;

static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

static const struct {
	uint8_t size;
	uint8_t bytes[9];
} emulated_nops[] = {
	{3, {0x0f, 0x1f, 0x00}},
	{4, {0x0f, 0x1f, 0x40, 0x00}},
	{6, {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}},
	{7, {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00}},
	{8, {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}},
	{9, {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00}},
};

#define REGISTER_NAMES(n, q, d, w, b) \
	case X86_REG_##q:             \
	case X86_REG_##d:             \
	case X86_REG_##w:             \
	case X86_REG_##b:             \
		return n;

static uint8_t register_number(unsigned int name)
{
	switch (name) {
		REGISTER_NAMES(0, RAX, EAX, AX, AL)
		REGISTER_NAMES(1, RCX, ECX, CX, CL)
		REGISTER_NAMES(2, RDX, EDX, DX, DL)
		REGISTER_NAMES(3, RBX, EBX, BX, BL)
		REGISTER_NAMES(4, RSP, ESP, SP, SPL)
		REGISTER_NAMES(5, RBP, EBP, BP, BPL)
		REGISTER_NAMES(6, RSI, ESI, SI, SIL)
		REGISTER_NAMES(7, RDI, EDI, DI, DIL)
		REGISTER_NAMES(8, R8, R8D, R8W, R8B)
		REGISTER_NAMES(9, R9, R9D, R9W, R9B)
		REGISTER_NAMES(10, R10, R10D, R10W, R10B)
		REGISTER_NAMES(11, R11, R11D, R11W, R11B)
		REGISTER_NAMES(12, R12, R12D, R12W, R12B)
		REGISTER_NAMES(13, R13, R13D, R13W, R13B)
		REGISTER_NAMES(14, R14, R14D, R14W, R14B)
		REGISTER_NAMES(15, R15, R15D, R15W, R15B)
	case X86_REG_AH:
		return RAX;
	case X86_REG_CH:
		return RCX;
	case X86_REG_DH:
		return RDX;
	case X86_REG_BH:
		return RBX;
	default:
		return REGISTER_NONE;
	}
}

/* In a bit mask; 0 of what is no general register. */
static uint32_t register_bit(unsigned int name)
{
	uint8_t number = register_number(name);

	return number == REGISTER_NONE ? 0 : 1u << number;
}

static bool is_whole_register(const cs_x86_op *operand)
{
	return operand->type == X86_OP_REG && operand->size == 8 &&
	       register_number(operand->reg) != REGISTER_NONE;
}

static bool is_legacy_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3 || byte == 0xf0 ||
	       byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
	       byte == 0x65;
}

static bool is_prefix_refused(uint8_t byte)
{
	return byte == 0xf0 || byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e;
}

static bool is_near_branch(const uint8_t *bytes, size_t size)
{
	if (size == 2)
		return bytes[0] == 0xeb || (bytes[0] & 0xf0) == 0x70;
	if (size == 5)
		return bytes[0] == 0xe8 || bytes[0] == 0xe9;
	return size == 6 && bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80;
}

static bool is_emulated(const uint8_t *bytes, size_t size)
{
	if (size == 1)
		return bytes[0] == 0x90 || (bytes[0] & 0xf8) == 0x50;
	if (size == 2 && bytes[0] == 0x41)
		return (bytes[1] & 0xf8) == 0x50;
	if (bytes[0] == 0xf2)
		return is_near_branch(bytes + 1, size - 1);
	return is_near_branch(bytes, size);
}

static enum probe_cost find_cost(const uint8_t *bytes, size_t size)
{
	bool narrowed = false;
	size_t at = 0;

	if (is_emulated(bytes, size))
		return COST_EMULATED;
	for (size_t i = 0; i < sizeof(emulated_nops) / sizeof(emulated_nops[0]); i++)
		if (emulated_nops[i].size == size && !memcmp(emulated_nops[i].bytes, bytes, size))
			return COST_EMULATED_NOP;
	for (; at < size && is_legacy_prefix(bytes[at]); at++) {
		if (is_prefix_refused(bytes[at]))
			return COST_REFUSED;
		narrowed |= bytes[at] == 0x66;
	}
	if (narrowed && (bytes[at] == 0x90 || is_near_branch(bytes + at, size - at)))
		return COST_REFUSED;
	return COST_STEPPED;
}

static enum code_flow find_flow(struct decoder *decoder)
{
	const cs_insn *insn = decoder->insn;

	switch (insn->id) {
	case X86_INS_HLT:
	case X86_INS_UD2:
	case X86_INS_INT3:
	case X86_INS_SYSENTER:
		return FLOW_STOP;
	case X86_INS_SYSCALL:
		return FLOW_NEXT;
	case X86_INS_JMP:
	case X86_INS_LJMP:
		return FLOW_JUMP;
	}
	if (cs_insn_group(decoder->handle, insn, CS_GRP_RET))
		return FLOW_RETURN;
	if (cs_insn_group(decoder->handle, insn, CS_GRP_CALL))
		return FLOW_CALL;
	if (cs_insn_group(decoder->handle, insn, CS_GRP_JUMP))
		return FLOW_BRANCH;
	if (cs_insn_group(decoder->handle, insn, CS_GRP_INT) ||
	    cs_insn_group(decoder->handle, insn, CS_GRP_IRET) ||
	    cs_insn_group(decoder->handle, insn, CS_GRP_PRIVILEGE))
		return FLOW_STOP;
	return FLOW_NEXT;
}

static void find_target(const cs_insn *insn, struct instruction *out)
{
	const cs_x86_op *operand = &insn->detail->x86.operands[0];

	if (out->flow != FLOW_BRANCH && out->flow != FLOW_JUMP && out->flow != FLOW_CALL)
		return;
	if (insn->detail->x86.op_count != 1)
		return;
	if (operand->type == X86_OP_IMM)
		out->target = (uint64_t)operand->imm;
	else if (operand->type == X86_OP_MEM && operand->mem.base == X86_REG_RIP &&
		 operand->mem.index == X86_REG_INVALID && operand->mem.segment == X86_REG_INVALID)
		out->slot = insn->address + insn->size + (uint64_t)operand->mem.disp;
}

/* The disassembler's tables miss some writes: a first operand is one unless known better. */
static bool reads_only(unsigned int id)
{
	return id == X86_INS_CMP || id == X86_INS_TEST || id == X86_INS_BT || id == X86_INS_NOP ||
	       id == X86_INS_PUSH || id == X86_INS_JMP || id == X86_INS_CALL;
}

static void find_writes(struct decoder *decoder, struct instruction *out)
{
	const cs_insn *insn = decoder->insn;
	const cs_x86 *x86 = &insn->detail->x86;
	cs_regs read, written;
	uint8_t read_count, written_count;

	if (!cs_regs_access(decoder->handle, insn, read, &read_count, written, &written_count))
		for (uint8_t i = 0; i < written_count; i++)
			out->writes |= register_bit(written[i]);
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];
		bool writes = operand->access & CS_AC_WRITE || (i == 0 && !reads_only(insn->id)) ||
			      insn->id == X86_INS_XCHG || insn->id == X86_INS_XADD;

		if (writes && operand->type == X86_OP_REG)
			out->writes |= register_bit(operand->reg);
		if (writes && operand->type == X86_OP_MEM &&
		    (operand->mem.base == X86_REG_RSP || operand->mem.index == X86_REG_RSP))
			out->moves_stack = true;
	}
	if (insn->id == X86_INS_SYSCALL)
		out->writes |= 1u << RAX | 1u << RCX | 1u << R11;
	out->moves_stack |= (out->writes >> RSP & 1) != 0;
}

static bool is_register(const cs_x86_op *operand, uint8_t number)
{
	return operand->type == X86_OP_REG && register_number(operand->reg) == number;
}

/* Of what writes the stack pointer. */
static int32_t stack_pops(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];
	bool moved = x86->op_count == 2 && is_whole_register(first) && is_register(first, RSP);

	if (insn->id == X86_INS_POP && is_whole_register(first) && !is_register(first, RSP))
		return 8;
	if (insn->id == X86_INS_PUSH && first->size == 8)
		return -8;
	if (moved && second->type == X86_OP_IMM && second->imm == (int16_t)second->imm) {
		if (insn->id == X86_INS_ADD)
			return (int32_t)second->imm;
		if (insn->id == X86_INS_SUB)
			return -(int32_t)second->imm;
	}
	if (moved && insn->id == X86_INS_LEA && second->mem.base == X86_REG_RSP &&
	    second->mem.index == X86_REG_INVALID && second->mem.disp == (int16_t)second->mem.disp)
		return (int32_t)second->mem.disp;
	return STACK_UNKNOWN;
}

/* Writing 32 bits of a register clears the others. */
static uint8_t find_zeroed(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];

	if (x86->op_count != 2 || first->type != X86_OP_REG || first->size < 4)
		return REGISTER_NONE;
	if ((insn->id == X86_INS_XOR && second->type == X86_OP_REG && first->reg == second->reg) ||
	    (insn->id == X86_INS_MOV && second->type == X86_OP_IMM && !second->imm))
		return register_number(first->reg);
	return REGISTER_NONE;
}

/* In the order of the machine: the lowest bit turns a condition round. */
static void find_conditions(const uint8_t *bytes, struct instruction *out)
{
	const uint8_t *at = bytes + (bytes[0] == 0xf2);
	uint8_t code = (at[0] == 0x0f ? at[1] : at[0]) & 15;

	if (out->flow != FLOW_BRANCH || out->cost != COST_EMULATED)
		return;
	out->taken_if = PROBE_CONDITION(code);
	out->passed_if = PROBE_CONDITION(code ^ 1);
}

/* A word of the stack, by its distance from the stack pointer alone. */
static bool is_stack_word(const cs_x86_op *operand)
{
	return operand->type == X86_OP_MEM && operand->size == 8 &&
	       operand->mem.base == X86_REG_RSP && operand->mem.index == X86_REG_INVALID &&
	       operand->mem.segment == X86_REG_INVALID &&
	       operand->mem.disp == (int16_t)operand->mem.disp;
}

static void find_stack_word(const cs_insn *insn, struct instruction *out)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];

	if (insn->id != X86_INS_MOV || x86->op_count != 2)
		return;
	if (is_stack_word(first) && is_whole_register(second)) {
		out->stored = register_number(second->reg);
		out->stack_at = (int32_t)first->mem.disp;
	} else if (is_whole_register(first) && is_stack_word(second)) {
		out->loaded = register_number(first->reg);
		out->stack_at = (int32_t)second->mem.disp;
	}
}

/* By `mul`, the lower half; what is above it is in another register. */
static void find_product(const cs_insn *insn, struct instruction *out)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];
	bool one = insn->id == X86_INS_MUL && x86->op_count == 1;
	bool two = insn->id == X86_INS_IMUL && x86->op_count == 2;

	if ((!one && !two) || !is_whole_register(first) || (two && !is_whole_register(second)))
		return;
	out->product = one ? RAX : register_number(first->reg);
	out->factors[0] = register_number(first->reg);
	out->factors[1] = one ? RAX : register_number(second->reg);
}

static void find_meaning(const cs_insn *insn, struct instruction *out)
{
	const cs_x86 *x86 = &insn->detail->x86;
	const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];

	out->pops = out->writes >> RSP & 1 ? stack_pops(insn) : 0;
	out->zeroed = find_zeroed(insn);
	if (insn->id == X86_INS_PUSH && is_whole_register(first))
		out->pushed = register_number(first->reg);
	if (insn->id == X86_INS_POP && is_whole_register(first))
		out->popped = register_number(first->reg);
	find_stack_word(insn, out);
	find_product(insn, out);
	out->branches_on_zero = insn->id == X86_INS_JE;
	out->branches_on_other = insn->id == X86_INS_JNE;
	if (x86->op_count != 2 || !is_whole_register(first) || !is_whole_register(second))
		return;
	if (insn->id == X86_INS_MOV) {
		out->copy_to = register_number(first->reg);
		out->copy_from = register_number(second->reg);
	}
	if (insn->id == X86_INS_TEST && first->reg == second->reg)
		out->tested = register_number(first->reg);
}

cs_err disassembler_open(csh *handle)
{
	cs_err error = cs_open(CS_ARCH_X86, CS_MODE_64, handle);

	if (error == CS_ERR_OK)
		cs_option(*handle, CS_OPT_DETAIL, CS_OPT_ON);
	return error;
}

int instruction_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t offset,
		       struct instruction *out)
{
	instruction_begin(out, offset);
	if (offset >= size)
		return -EILSEQ;
	const uint8_t *at = bytes + offset;
	size_t left = size - offset;
	uint64_t address = offset;
	if (left >= sizeof(endbr64) && !memcmp(at, endbr64, sizeof(endbr64))) {
		out->size = sizeof(endbr64);
		out->cost = COST_STEPPED;
		snprintf(out->text, sizeof(out->text), "endbr64");
		return 0;
	}
	if (!cs_disasm_iter(decoder->handle, &at, &left, &address, decoder->insn))
		return -EILSEQ;
	out->size = decoder->insn->size;
	out->cost = find_cost(bytes + offset, out->size);
	out->flow = find_flow(decoder);
	find_target(decoder->insn, out);
	find_writes(decoder, out);
	find_meaning(decoder->insn, out);
	find_conditions(bytes + offset, out);
	instruction_write(out, decoder->insn, OPERANDS_MAX);
	return 0;
}

/* `endbr64` may stand before the jump. */
uint64_t stub_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address,
		     uint64_t offset)
{
	struct instruction instruction;

	for (int i = 0; i < 2; i++) {
		if (instruction_decode(decoder, bytes, size, offset, &instruction))
			break;
		if (instruction.flow == FLOW_JUMP && instruction.slot != CODE_NOWHERE)
			return address + instruction.slot;
		if (instruction.flow != FLOW_NEXT || instruction.writes)
			break;
		offset += instruction.size;
	}
	return CODE_NOWHERE;
}

bool jump_next(const uint8_t *bytes, size_t size, uint64_t from, struct code_jump *jump)
{
	int32_t distance;

	for (uint64_t at = from; at + 1 < size; at++) {
		bool conditional = bytes[at] == 0x0f && (bytes[at + 1] & 0xf0) == 0x80;
		uint64_t operand = at + (conditional ? 2 : 1);

		if ((!conditional && bytes[at] != 0xe9) || size - operand < sizeof(distance))
			continue;
		memcpy(&distance, bytes + operand, sizeof(distance));
		jump->offset = at;
		jump->prefix = at && bytes[at - 1] == 0xf2 ? at - 1 : at;
		jump->target = operand + sizeof(distance) + (uint64_t)(int64_t)distance;
		return true;
	}
	return false;
}
