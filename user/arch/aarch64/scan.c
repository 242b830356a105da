/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address takes two instructions here: `adrp` has its page, and `add` or a load the rest. So
 * what a register holds is followed from one instruction to the next, in the order of the code: a
 * page, an address, or the beginning of the thread's own memory (`mrs x, tpidr_el0`), which a known
 * number may have been added to. Whatever else writes the register, and each call, ends that.
 */
#include "../scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "../decoder.h"
#include "encoding.h"

const uint8_t landing_pad[LANDING_PAD_BYTES] = {0x5f, 0x24, 0x03, 0xd5}; /* bti c */

struct followed {
	enum { HOLDS_NOTHING, HOLDS_ADDRESS, HOLDS_THREAD } what;
	uint64_t value; /* the address; bytes from the beginning of the thread's own */
};

struct scan {
	struct decoder *decoder;
	struct followed registers[REGISTER_COUNT];
};

/* `mrs x, tpidr_el0` */
static bool is_thread_pointer(uint32_t word)
{
	return (word & 0xffffffe0) == 0xd53bd040;
}

/* A load of 1 to 8 bytes from [register + number]. */
static bool is_load(uint32_t word)
{
	return (word & 0x3fc00000) == 0x39400000;
}

static uint32_t load_bytes(uint32_t word)
{
	return 1u << (word >> 30);
}

static void fill_load(const struct scan *scan, uint32_t word, struct scanned *out)
{
	const struct followed *base = &scan->registers[base_register(word)];
	uint64_t offset = immediate_12(word) * load_bytes(word);

	out->flags |= SCANNED_LOAD;
	out->operand_bytes = load_bytes(word);
	if (base->what == HOLDS_ADDRESS)
		out->operand = base->value + offset;
	if (base->what != HOLDS_THREAD)
		return;
	out->flags |= SCANNED_THREAD;
	out->displacement = (int64_t)(base->value + offset);
}

/* cmp x, #number; mov x, #number */
static void fill_immediate(uint32_t word, struct scanned *out)
{
	if ((word & 0x7f80001f) == 0x7100001f)
		out->immediate = (int64_t)(immediate_12(word) << (word >> 22 & 1 ? 12 : 0));
	else if ((word & 0x7f800000) == 0x52800000)
		out->immediate = (int64_t)((uint64_t)(word >> 5 & 0xffff) << (word >> 21 & 3) * 16);
}

/* What a register holds once the instruction was run. */
static struct followed holds(const struct scan *scan, uint32_t word, uint64_t address)
{
	struct followed base = scan->registers[base_register(word)];

	if (is_adrp(word))
		return (struct followed){HOLDS_ADDRESS, adrp_page(word, address)};
	if (is_thread_pointer(word))
		return (struct followed){HOLDS_THREAD, 0};
	if ((word & 0xff800000) != 0x91000000 || base.what == HOLDS_NOTHING)
		return (struct followed){HOLDS_NOTHING, 0};
	base.value += immediate_12(word) << (word >> 22 & 1 ? 12 : 0);
	return base;
}

static void follow(struct scan *scan, const struct instruction *instruction, uint32_t word,
		   uint64_t address)
{
	struct followed next = holds(scan, word, address);
	uint32_t lost = instruction->writes;

	if (instruction->flow == FLOW_CALL)
		lost |= call_clobbered_registers;
	for (int i = 0; i < REGISTER_COUNT; i++)
		if (lost >> i & 1)
			scan->registers[i].what = HOLDS_NOTHING;
	if (next.what != HOLDS_NOTHING)
		scan->registers[first_register(word)] = next;
}

static void fill(const struct scan *scan, const struct instruction *instruction, uint32_t word,
		 uint64_t address, struct scanned *out)
{
	*out = (struct scanned){.address = address + instruction->offset};
	if (is_load(word))
		fill_load(scan, word, out);
	if (is_call(word))
		out->target = address + instruction->target;
	if (instruction->flow == FLOW_RETURN)
		out->flags |= SCANNED_RETURN;
	fill_immediate(word, out);
}

ssize_t scan_decode(const uint8_t *bytes, size_t size, uint64_t address, struct scanned **scanned)
{
	struct scan scan = {.decoder = decoder_new()};
	struct instruction instruction;
	int error = scan.decoder ? 0 : -ENOMEM;
	size_t count = 0;

	*scanned = NULL;
	for (uint64_t at = 0;
	     !error && !instruction_decode(scan.decoder, bytes, size, at, &instruction);
	     at += instruction.size) {
		uint32_t word = word_at(bytes + at);
		struct scanned next;

		if (!word)
			break; /* padding */
		fill(&scan, &instruction, word, address, &next);
		follow(&scan, &instruction, word, address + at);
		if (!array_append(scanned, &count, next))
			error = -ENOMEM;
	}
	decoder_free(scan.decoder);
	if (!error)
		return (ssize_t)count;
	free(*scanned);
	*scanned = NULL;
	return error;
}

/* `add` behind the `adrp` of its register. */
bool scan_is_reference(const uint8_t *at, uint64_t address, uint64_t wanted)
{
	uint32_t word = word_at(at), before = word_at(at - INSTRUCTION_BYTES);

	return !(address % INSTRUCTION_BYTES) && is_add_immediate(word) && is_adrp(before) &&
	       base_register(word) == first_register(before) &&
	       adrp_page(before, address - INSTRUCTION_BYTES) + immediate_12(word) == wanted;
}

/* brk #number */
bool scan_is_breakpoint(const uint8_t *bytes, size_t at)
{
	return (word_at(bytes + at - at % INSTRUCTION_BYTES) & 0xffe0001f) == 0xd4200000;
}

size_t scan_nop(const uint8_t *bytes, size_t size)
{
	return size >= INSTRUCTION_BYTES && word_at(bytes) == NOP ? INSTRUCTION_BYTES : 0;
}
