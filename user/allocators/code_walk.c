/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps found are also the list of what is to be done: each is looked at once, in order. */
#include "code_walk.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"
#include "../lib/sorted.h"

enum {
	STEPS_MAX = 40000,
	CALLEES_MAX = 500,
	CALLEE_DEPTH_MAX = 6,
	CALLEE_SEEN_MAX = 500,
	CALLEE_INSTRUCTIONS_MAX = 100000, /* of all of them */
};

bool code_walk_decode(const struct code_walk *walk, uint64_t offset,
		      struct instruction *instruction)
{
	return !instruction_decode(walk->decoder, walk->code->bytes, walk->code->size, offset,
				   instruction);
}

static int step_to(struct code_walk *walk, uint64_t from, uint64_t to)
{
	const struct code_step step = {from, to};

	if (to < walk->code->size && walk->step_count < STEPS_MAX)
		return array_append(&walk->steps, &walk->step_count, step) ? 0 : -ENOMEM;
	walk->complete = false;
	return 0;
}

/* --- callees --- */

static bool never_returns(struct code_walk *walk, const struct instruction *call, int depth);

/* Way through a callee. */
struct errand {
	uint64_t seen[CALLEE_SEEN_MAX]; /* branches that were taken both ways */
	size_t seen_count;
	uint64_t left[CALLEE_SEEN_MAX]; /* where to go on */
	size_t left_count;
};

static bool note_branch(struct errand *errand, uint64_t offset, uint64_t target)
{
	for (size_t i = 0; i < errand->seen_count; i++)
		if (errand->seen[i] == offset)
			return true;
	if (errand->seen_count == CALLEE_SEEN_MAX)
		return false;
	errand->seen[errand->seen_count++] = offset;
	errand->left[errand->left_count++] = target;
	return true;
}

/*
 * From one place on, until nothing follows or a jump leads back. Returns whether a `ret` was come
 * to, or what nobody knows.
 */
static bool errand_returns(struct code_walk *walk, struct errand *errand, uint64_t at, int depth)
{
	struct instruction instruction;

	while (walk->judged++ < CALLEE_INSTRUCTIONS_MAX) {
		if (!code_walk_decode(walk, at, &instruction))
			return true;
		switch (instruction.flow) {
		case FLOW_RETURN:
			return true;
		case FLOW_STOP:
			return false;
		case FLOW_JUMP:
			return instruction.target == CODE_NOWHERE ||
			       !note_branch(errand, at, instruction.target);
		case FLOW_BRANCH:
			if (!note_branch(errand, at, instruction.target))
				return true;
			break;
		case FLOW_CALL:
			if (never_returns(walk, &instruction, depth + 1))
				return false;
			break;
		case FLOW_NEXT:
			break;
		}
		at += instruction.size;
	}
	return true;
}

static bool callee_returns(struct code_walk *walk, uint64_t entry, int depth)
{
	struct errand errand = {.left = {entry}, .left_count = 1};
	struct callee callee = {.entry = entry};

	for (size_t i = 0; i < walk->callee_count; i++)
		if (walk->callees[i].entry == entry)
			return walk->callees[i].returns;
	if (depth >= CALLEE_DEPTH_MAX || walk->callee_count >= CALLEES_MAX)
		return true;
	while (errand.left_count && !callee.returns)
		callee.returns =
			errand_returns(walk, &errand, errand.left[--errand.left_count], depth);
	return !array_append(&walk->callees, &walk->callee_count, callee) || callee.returns;
}

static bool never_returns(struct code_walk *walk, const struct instruction *call, int depth)
{
	const struct code_slot *slot = instruction_slot(walk->code, call);

	if (!slot && call->target != CODE_NOWHERE)
		slot = code_stub_slot(walk->decoder, walk->code, call->target);
	if (slot || call->target == CODE_NOWHERE || !walk->request->judge_callees)
		return slot && slot->never_returns;
	return !callee_returns(walk, call->target, depth);
}

static bool is_own(const struct code_walk_request *request, uint64_t target)
{
	return target >= request->entry && target - request->entry < request->own_bytes;
}

static int step_jump(struct code_walk *walk, const struct instruction *jump)
{
	const struct code_slot *slot = instruction_slot(walk->code, jump);

	uint64_t target = slot ? code_offset(walk->code, slot->target) : jump->target;

	if (slot && slot->never_returns)
		return 0;
	if (walk->request->own_bytes && !is_own(walk->request, target))
		return array_append(&walk->exits, &walk->exit_count, jump->offset) ? 0 : -ENOMEM;
	return step_to(walk, jump->offset, target);
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
	case FLOW_CALL: /* a function does not run on into the next one */
		if (walk->request->own_bytes && !is_own(walk->request, next))
			return 0;
		return never_returns(walk, instruction, 0) ? 0 : step_to(walk, at, next);
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
		if (!code_walk_decode(walk, at, &instruction))
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

int code_walk_init(struct code_walk *walk, const struct code_walk_request *request)
{
	int error = -ENOMEM;

	*walk = (struct code_walk){
		.code = request->code,
		.request = request,
		.decoder = decoder_new(),
		.seen = calloc(request->code->size / 8 + 1, 1),
		.complete = true,
	};
	if (walk->decoder && walk->seen)
		error = walk_all(walk, request->entry);
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
	free(walk->exits);
	free(walk->callees);
	*walk = (struct code_walk){0};
}

bool code_walk_never_returns(struct code_walk *walk, const struct instruction *call)
{
	return never_returns(walk, call, 0);
}

bool code_walk_ends_in_fill(const struct code_walk *walk, uint64_t exit)
{
	const struct code *code = walk->code;
	struct instruction jump;

	if (!code_walk_decode(walk, exit, &jump) || jump.target == CODE_NOWHERE)
		return false;
	const struct code_slot *slot = code_stub_slot(walk->decoder, code, jump.target);
	return slot ? slot->fills
		    : stub_decode(walk->decoder, code->bytes, code->size, code->address,
				  jump.target) != CODE_NOWHERE;
}

bool code_walk_saw(const struct code_walk *walk, uint64_t offset)
{
	return walk->seen[offset / 8] >> offset % 8 & 1;
}

const struct code_step *code_walk_steps_to(const struct code_walk *walk, uint64_t offset,
					   size_t *count)
{
	size_t low = sorted_below(walk->steps, walk->step_count, to, offset);

	for (*count = 0; low + *count < walk->step_count; (*count)++)
		if (walk->steps[low + *count].to != offset)
			break;
	return walk->steps + low;
}
