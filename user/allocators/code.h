/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code of a file, and the words of the GOT that it goes through. Places in code are offsets
 * from its first byte. What an instruction is: arch/decoder.h.
 */
#ifndef UNFREED_CODE_H
#define UNFREED_CODE_H

#include "../arch/decoder.h"
#include "functions.h"

/* A word of the GOT through which code jumps or calls, as its relocation names the function. */
struct code_slot {
	uint64_t address; /* virtual, as in the file */
	uint64_t target;  /* virtual, as in the file; CODE_NOWHERE where another file defines it */
	const struct alloc_function *function; /* NULL: no allocation function */
	bool never_returns;
	bool fills; /* memset and the like: returns its first argument */
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
