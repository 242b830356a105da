/* SPDX-License-Identifier: BSD-2-Clause */
#include "disassembler.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder *decoder_new(void)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return NULL;
	if (disassembler_open(&decoder->handle) != CS_ERR_OK) {
		free(decoder);
		return NULL;
	}
	decoder->insn = cs_malloc(decoder->handle);
	if (decoder->insn)
		return decoder;
	decoder_free(decoder);
	return NULL;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	cs_close(&decoder->handle);
	free(decoder);
}

void instruction_begin(struct instruction *instruction, uint64_t offset)
{
	*instruction = (struct instruction){
		.offset = offset,
		.target = CODE_NOWHERE,
		.slot = CODE_NOWHERE,
		.copy_to = REGISTER_NONE,
		.copy_from = REGISTER_NONE,
		.tested = REGISTER_NONE,
		.zeroed = REGISTER_NONE,
		.pushed = REGISTER_NONE,
		.popped = REGISTER_NONE,
		.stored = REGISTER_NONE,
		.loaded = REGISTER_NONE,
		.product = REGISTER_NONE,
	};
}

void instruction_write(struct instruction *instruction, const cs_insn *insn, int operands_max)
{
	int64_t distance = (int64_t)(instruction->target - instruction->offset);

	if (instruction->target == CODE_NOWHERE)
		snprintf(instruction->text, sizeof(instruction->text), "%.12s%s%.*s",
			 insn->mnemonic, *insn->op_str ? " " : "", operands_max, insn->op_str);
	else
		snprintf(instruction->text, sizeof(instruction->text), "%.12s .%c%#llx",
			 insn->mnemonic, distance < 0 ? '-' : '+',
			 (unsigned long long)(distance < 0 ? -(uint64_t)distance
							   : (uint64_t)distance));
}
