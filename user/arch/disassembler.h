/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What decoders of all machines (decoder.h) have in common: a disassembler, what is true of an
 * instruction until something else is found, and its text. For arch/MACHINE/decoder.c alone.
 */
#ifndef UNFREED_ARCH_DISASSEMBLER_H
#define UNFREED_ARCH_DISASSEMBLER_H

#include <capstone/capstone.h>

#include "decoder.h"

struct decoder {
	csh handle;
	cs_insn *insn;
};

/* A machine's own: the disassembler of its instructions. */
cs_err disassembler_open(csh *handle);

void instruction_begin(struct instruction *instruction, uint64_t offset);

/* So many characters of its operands at most. A direct branch is written with its distance, since
 * addresses here count from where decoding began. */
void instruction_write(struct instruction *instruction, const cs_insn *insn, int operands_max);

#endif
