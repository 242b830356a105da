// SPDX-License-Identifier: BSD-2-Clause
/* The steps found are also the list of what is to be done: each is looked at once, in order. */
#include "code_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"

enum { STEPS_MAX = 40000 };

static int step_to(struct code_walk *walk, uint64_t from, uint64_t to)
{
	const struct code_step step = {from, to};

	if (to < walk->code->size && walk->step_count < STEPS_MAX)
		return array_append(&walk->steps, &walk->step_count, step) ? 0 : -ENOMEM;
	walk->complete = false;
	return 0;
}

static bool never_returns(struct code_walk *walk, const struct instruction *call)
{
	const struct code_slot *slot = instruction_slot(walk->code, call);

	if (!slot && call->target != CODE_NOWHERE)
		slot = code_stub_slot(walk->decoder, walk->code, call->target);
	return slot && slot->never_returns;
}

static int step_jump(struct code_walk *walk, const struct instruction *jump)
{
	const struct code_slot *slot = instruction_slot(walk->code, jump);

	if (slot && slot->never_returns)
		return 0;
	return step_to(walk, jump->offset,
		       slot ? code_offset(walk->code, slot->target) : jump->target);
}

static int step_on(struct code_walk *walk, const struct instruction *instruction)
{
	uint64_t at = instruction->offset, next = at + instruction->size;
	int error;

	switch (instruction->flow) {
	case FLOW_BRANCH:
		error = step_to(walk, at, instruction->target);
		return error ? error : step_to(walk, at, next);
	case FLOW_JUMP:
		return step_jump(walk, instruction);
	case FLOW_CALL:
		return never_returns(walk, instruction) ? 0 : step_to(walk, at, next);
	case FLOW_NEXT:
		return step_to(walk, at, next);
	case FLOW_RETURN:
		return array_append(&walk->returns, &walk->return_count, at) ? 0 : -ENOMEM;
	case FLOW_STOP:
		break;
	}
	return 0;
}

static int walk_all(struct code_walk *walk, uint64_t entry)
{
	struct instruction instruction;
	int error = step_to(walk, CODE_NOWHERE, entry);

	for (size_t i = 0; !error && i < walk->step_count; i++) {
		uint64_t at = walk->steps[i].to;

		if (code_walk_saw(walk, at))
			continue;
		walk->seen[at / 8] |= (uint8_t)(1 << at % 8);
		if (instruction_decode(walk->decoder, walk->code->bytes, walk->code->size, at,
				       &instruction))
			walk->complete = false;
		else
			error = step_on(walk, &instruction);
	}
	return error;
}

static int compare_steps(const void *a, const void *b)
{
	const struct code_step *left = a, *right = b;

	if (left->to != right->to)
		return left->to < right->to ? -1 : 1;
	return left->from < right->from ? -1 : left->from > right->from;
}

int code_walk_init(struct code_walk *walk, const struct code *code, uint64_t entry)
{
	int error = -ENOMEM;

	*walk = (struct code_walk){
		.code = code,
		.decoder = decoder_new(),
		.seen = calloc(code->size / 8 + 1, 1),
		.complete = true,
	};
	if (walk->decoder && walk->seen)
		error = walk_all(walk, entry);
	if (error)
		code_walk_release(walk);
	else if (walk->step_count)
		qsort(walk->steps, walk->step_count, sizeof(*walk->steps), compare_steps);
	return error;
}

void code_walk_release(struct code_walk *walk)
{
	decoder_free(walk->decoder);
	free(walk->seen);
	free(walk->steps);
	free(walk->returns);
	*walk = (struct code_walk){0};
}

bool code_walk_saw(const struct code_walk *walk, uint64_t offset)
{
	return walk->seen[offset / 8] >> offset % 8 & 1;
}

const struct code_step *code_walk_steps_to(const struct code_walk *walk, uint64_t offset,
					   size_t *count)
{
	size_t low = 0, high = walk->step_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (walk->steps[middle].to < offset)
			low = middle + 1;
		else
			high = middle;
	}
	for (*count = 0; low + *count < walk->step_count; (*count)++)
		if (walk->steps[low + *count].to != offset)
			break;
	return walk->steps + low;
}
