/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of a file, and one decoded instruction of it: all that the rest of this stage knows
 * about a processor. Places in code are offsets from its first byte.
 */
#ifndef UNFREED_CODE_H
#define UNFREED_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions.h"

#define CODE_NOWHERE UINT64_MAX

/* A word of the GOT through which code jumps or calls, as its relocation names the function. */
struct code_slot {
	uint64_t address; /* virtual, as in the file */
	uint64_t target;  /* virtual, as in the file; CODE_NOWHERE where another file defines it */
	const struct alloc_function *function; /* NULL: no allocation function */
	bool never_returns;
};

/* An executable segment. */
struct code {
	uint8_t *bytes;
	size_t size;
	uint64_t address;              /* virtual, of the first byte, as in the file */
	uint64_t file_offset;          /* of the first byte */
	const struct code_slot *slots; /* sorted by address */
	size_t slot_count;
};

enum code_flow {
	FLOW_NEXT,
	FLOW_BRANCH, /* conditional, to `target` */
	FLOW_JUMP,
	FLOW_CALL,
	FLOW_RETURN,
	FLOW_STOP, /* a trap: nothing follows */
};

enum probe_cost {
	COST_EMULATED,
	COST_EMULATED_NOP, /* emulated by newer kernels only */
	COST_STEPPED,
	COST_REFUSED, /* some kernels take no probe here */
};

enum {
	REGISTER_COUNT = 16,
	REGISTER_NONE = REGISTER_COUNT,
	ARGUMENT_COUNT = 3, /* those that a cookie can name */
};

extern const uint8_t argument_registers[ARGUMENT_COUNT];
extern const uint32_t call_clobbered_registers; /* bit mask */

struct instruction {
	uint64_t offset;
	unsigned int size; /* bytes */
	enum code_flow flow;
	enum probe_cost cost;
	uint64_t target;        /* of a direct branch, jump or call; CODE_NOWHERE otherwise */
	uint64_t slot;          /* of one through a GOT word: its address; CODE_NOWHERE otherwise */
	uint32_t writes;        /* general registers, bit mask */
	bool moves_stack;       /* changes the stack pointer, or stores through it */
	uint8_t copy_to;        /* a whole register copied ... */
	uint8_t copy_from;      /* ... or REGISTER_NONE */
	uint8_t tested;         /* compared with zero, or REGISTER_NONE */
	bool branches_on_zero;  /* je */
	bool branches_on_other; /* jne */
	char text[80];          /* as the disassembler writes it */
};

struct decoder;

/* NULL where there is no memory. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);

/* Returns 0, or -EILSEQ where no known instruction starts at the offset. */
int instruction_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t offset,
		       struct instruction *instruction);

/* The GOT word of an instruction that goes through one, given that it lies in `code`; or NULL. */
const struct code_slot *instruction_slot(const struct code *code,
					 const struct instruction *instruction);

/*
 * Follows a direct jump or call that leads to a linkage stub. Returns its slot, NULL where the
 * offset is no stub.
 */
const struct code_slot *code_stub_slot(struct decoder *decoder, const struct code *code,
				       uint64_t offset);

/* Offset of a virtual address, CODE_NOWHERE where it lies elsewhere. */
uint64_t code_offset(const struct code *code, uint64_t address);

#endif
