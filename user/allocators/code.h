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
	STACK_UNKNOWN = INT32_MIN,
};

extern const uint8_t argument_registers[ARGUMENT_COUNT];
extern const uint8_t result_register;           /* the one that PROBE_PLACE calls 0 */
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
	int32_t pops;           /* bytes by which it raises the stack pointer, or STACK_UNKNOWN */
	uint8_t zeroed;         /* a whole register set to zero, or REGISTER_NONE */
	uint8_t copy_to;        /* a whole register copied ... */
	uint8_t copy_from;      /* ... or REGISTER_NONE */
	uint8_t tested;         /* compared with zero, or REGISTER_NONE */
	bool branches_on_zero;  /* je */
	bool branches_on_other; /* jne */
	uint8_t taken_if;       /* of an emulated conditional branch: as PROBE_PLACE has it ... */
	uint8_t passed_if;      /* ... and the opposite */
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

/* Bytes that read as a direct jump, conditional or not, whether or not they are an instruction. */
struct code_jump {
	uint64_t offset;
	uint64_t
		prefix; /* where it begins if what stands before is a prefix of it, else as offset */
	uint64_t target;
};

/* The first one over any distance (short ones are left out) from an offset on. False: none. */
bool code_next_jump(const struct code *code, uint64_t from, struct code_jump *jump);

/* Offset of a virtual address, CODE_NOWHERE where it lies elsewhere. */
uint64_t code_offset(const struct code *code, uint64_t address);

#endif
