/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One decoded instruction, as uprobes see it: which the kernel emulates, where it leads, and what
 * it does to the registers that hold arguments and results. Places in code are offsets from the
 * first byte that the decoder is given.
 *
 * Must not know: allocation functions, files, processes.
 */
#ifndef UNFREED_ARCH_DECODER_H
#define UNFREED_ARCH_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_NOWHERE UINT64_MAX

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
	REGISTER_COUNT = 32, /* at most */
	REGISTER_NONE = REGISTER_COUNT,
	ARGUMENT_COUNT = 3, /* those that a cookie can name */
	STACK_UNKNOWN = INT32_MIN,
};

extern const uint8_t argument_registers[ARGUMENT_COUNT];
extern const uint8_t result_register;           /* the one that PROBE_PLACE calls 0 */
extern const uint32_t call_clobbered_registers; /* bit mask */
/* What unwinding needs of a caller beside its place: fp and extra of struct position in
 * bpf/calls.bpf.h. REGISTER_NONE: frames are not followed on this machine. */
extern const uint8_t frame_register;
extern const uint8_t extra_register;

struct instruction {
	uint64_t offset;
	unsigned int size; /* bytes */
	enum code_flow flow;
	enum probe_cost cost;
	uint64_t target;    /* of a direct branch, jump or call; CODE_NOWHERE otherwise */
	uint64_t slot;      /* of one through a GOT word: its address; CODE_NOWHERE otherwise */
	uint32_t writes;    /* general registers, bit mask */
	bool moves_stack;   /* changes the stack pointer, or stores through it */
	int32_t pops;       /* bytes by which it raises the stack pointer, or STACK_UNKNOWN */
	uint8_t pushed;     /* the whole register that it pushes, or REGISTER_NONE */
	uint8_t popped;     /* the one that it pops */
	uint8_t stored;     /* the whole register that it stores at `stack_at`, or REGISTER_NONE */
	uint8_t loaded;     /* the one that it loads from there */
	int32_t stack_at;   /* bytes above the stack pointer */
	uint8_t zeroed;     /* a whole register set to zero, or REGISTER_NONE */
	uint8_t copy_to;    /* a whole register copied ... */
	uint8_t copy_from;  /* ... or REGISTER_NONE */
	uint8_t product;    /* a whole register set to what two others come to, multiplied ... */
	uint8_t factors[2]; /* ... or REGISTER_NONE */
	uint8_t tested;     /* compared with zero (also to branch on it), or REGISTER_NONE */
	bool branches_on_zero;  /* if what was tested is 0 */
	bool branches_on_other; /* if it is not */
	uint8_t taken_if;       /* of an emulated conditional branch: as PROBE_PLACE has it ... */
	uint8_t passed_if;      /* ... and the opposite; 0: it has no such code */
	char text[80];          /* as the disassembler writes it */
};

struct decoder;

/* NULL where there is no memory. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);

/* Returns 0, or -EILSEQ where no known instruction starts at the offset. */
int instruction_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t offset,
		       struct instruction *instruction);

/* The address of the GOT word through which a linkage stub at an offset jumps, where the first byte
 * lies at `address`; CODE_NOWHERE: it is none. */
uint64_t stub_decode(struct decoder *decoder, const uint8_t *bytes, size_t size, uint64_t address,
		     uint64_t offset);

/* Bytes that read as a direct jump, conditional or not, whether or not they are an instruction. */
struct code_jump {
	uint64_t offset;
	uint64_t
		prefix; /* where it begins if what stands before is a prefix of it, else as offset */
	uint64_t target;
};

/* The first one over any distance (short ones are left out) from an offset on. False: none. */
bool jump_next(const uint8_t *bytes, size_t size, uint64_t from, struct code_jump *jump);

#endif
