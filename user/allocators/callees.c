/* SPDX-License-Identifier: BSD-2-Clause */
#include "callees.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"

enum { DEPTH_MAX = 2, CALLEES_MAX = 300, STEPS_ENOUGH = 100000 };

struct callees {
	const struct elf_object *object;
	const struct code *code;
	uint64_t *entries; /* offsets of those that were met; each is gone through in turn */
	size_t count;
	size_t steps; /* of the walks so far */
	bool deep;    /* past the function itself */
	bool strict;  /* callees_call_allocates_nothing() */
};

static int meet(struct callees *callees, uint64_t entry)
{
	for (size_t i = 0; i < callees->count; i++)
		if (callees->entries[i] == entry)
			return 1;
	if (callees->count == CALLEES_MAX)
		return 0;
	return array_append(&callees->entries, &callees->count, entry) ? 1 : -ENOMEM;
}

static bool allocates(const struct callees *callees, uint64_t offset)
{
	return elf_object_function(callees->object, callees->code->address + offset) != NULL;
}

/* One without a symbol stands for a function that is chosen when the file
 * is loaded: memcpy's kind. */
static bool is_stub(const struct callees *callees, struct code_walk *walk, uint64_t offset)
{
	return stub_decode(walk->decoder, callees->code->bytes, callees->code->size,
			   callees->code->address, offset) != CODE_NOWHERE;
}

/* Returns as callees_allocate_nothing; what is called in other files is not looked at. */
static int look_at_call(struct callees *callees, struct code_walk *walk,
			const struct instruction *call)
{
	const struct code_slot *slot = instruction_slot(callees->code, call);
	uint64_t target = call->target;

	if (!slot && target != CODE_NOWHERE)
		slot = code_stub_slot(walk->decoder, callees->code, target);
	if (slot && callees->strict && !slot->function && slot->target != CODE_NOWHERE)
		target = code_offset(callees->code, slot->target);
	else if (slot)
		return !slot->function;
	if (target == CODE_NOWHERE)
		return callees->deep && !callees->strict;
	if (is_stub(callees, walk, target) || code_walk_never_returns(walk, call))
		return 1;
	return allocates(callees, target) ? 0 : meet(callees, target);
}

/* Through the GOT, as linkage stubs do, or it is not known where to. */
static bool look_at_jump(const struct callees *callees, const struct instruction *jump)
{
	const struct code_slot *slot = instruction_slot(callees->code, jump);

	return jump->slot != CODE_NOWHERE && !(slot && slot->function);
}

static int look_at_all(struct callees *callees, struct code_walk *walk, uint64_t entry)
{
	struct instruction instruction;
	int result;

	callees->steps += walk->step_count;
	result = callees->steps < STEPS_ENOUGH;

	for (size_t i = 0; result > 0 && i < walk->step_count; i++) {
		const struct code_step *step = &walk->steps[i];

		if (step->to != entry && allocates(callees, step->to))
			return 0;
		if (i && step->to == walk->steps[i - 1].to)
			continue; /* each instruction once */
		if (!code_walk_decode(walk, step->to, &instruction))
			return 0;
		if (instruction.flow == FLOW_CALL)
			result = look_at_call(callees, walk, &instruction);
		if (instruction.flow == FLOW_JUMP && instruction.target == CODE_NOWHERE)
			result = look_at_jump(callees, &instruction);
	}
	return result;
}

static int look_at_callee(struct callees *callees, uint64_t entry)
{
	const struct code_walk_request request = {
		.code = callees->code, .entry = entry, .judge_callees = true};
	struct code_walk walk;
	int error = code_walk_init(&walk, &request);

	if (error)
		return error;
	int result = look_at_all(callees, &walk, entry);
	code_walk_release(&walk);
	return result;
}

/* On from those that were met. */
static int look_deeper(struct callees *callees)
{
	int result = 1;

	callees->deep = true;
	for (size_t depth = 0, i = 0; depth < DEPTH_MAX; depth++)
		for (size_t met = callees->count; result > 0 && i < met; i++)
			result = look_at_callee(callees, callees->entries[i]);
	return result;
}

int callees_call_allocates_nothing(const struct elf_object *object, struct code_walk *walk,
				   const struct instruction *call)
{
	struct callees callees = {.object = object, .code = walk->code, .strict = true};
	int result = look_at_call(&callees, walk, call);

	if (result > 0)
		result = look_deeper(&callees);
	free(callees.entries);
	return result;
}

int callees_allocate_nothing(const struct elf_object *object, const struct elf_function *function,
			     struct code_walk *walk)
{
	struct callees callees = {.object = object, .code = walk->code};
	int result = look_at_all(&callees, walk, code_offset(walk->code, function->address));

	if (result > 0)
		result = look_deeper(&callees);
	free(callees.entries);
	return result;
}
