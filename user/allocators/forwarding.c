/* SPDX-License-Identifier: BSD-2-Clause */
#include "forwarding.h"

#include "arguments.h"

enum { STEPS_MAX = 200, BRANCHES_MAX = 8 };

struct search {
	const struct elf_object *object;
	const struct elf_function *origin;
	const struct code *code;
	struct decoder *decoder;
	int steps;
};

/* A place on a path, and what is known there. */
struct place {
	uint64_t offset;
	struct arguments arguments;
	int branches;
	uint8_t tested; /* register that the instruction before compared with zero */
};

static bool every_path_forwards(struct search *search, struct place place);

static bool passes_on(const struct search *search, const struct arguments *arguments,
		      const struct alloc_function *to)
{
	uint64_t from = search->origin->function->cookie;
	uint64_t want = to->cookie;
	const unsigned int pairs[][2] = {
		{PROBE_COOKIE_POINTER(from), PROBE_COOKIE_POINTER(want)},
		{PROBE_COOKIE_SIZE(from), PROBE_COOKIE_SIZE(want)},
		{PROBE_COOKIE_COUNT(from), PROBE_COOKIE_COUNT(want)},
	};

	if (PROBE_COOKIE_OP(from) != PROBE_COOKIE_OP(want))
		return false;
	for (int i = 0; i < 3; i++) {
		if (pairs[i][0] == PROBE_NO_ARG || pairs[i][1] == PROBE_NO_ARG) {
			if (pairs[i][0] != pairs[i][1])
				return false;
		} else if (arguments->held[argument_registers[pairs[i][1]]] != pairs[i][0]) {
			return false;
		}
	}
	return true;
}

/* The allocation function that a jump or a call leads to, other than the origin; or NULL. */
static const struct alloc_function *find_callee(struct search *search,
						const struct instruction *instruction)
{
	const struct code_slot *slot = instruction_slot(search->code, instruction);

	if (!slot && instruction->target < search->code->size) {
		const struct elf_function *function = elf_object_function(
			search->object, search->code->address + instruction->target);

		if (function)
			return function == search->origin ? NULL : function->function;
		slot = code_stub_slot(search->decoder, search->code, instruction->target);
	}
	if (!slot || slot->target == search->origin->address)
		return NULL;
	return slot->function;
}

static bool jump_forwards(struct search *search, struct place place,
			  const struct instruction *instruction)
{
	const struct alloc_function *callee = find_callee(search, instruction);

	if (callee && passes_on(search, &place.arguments, callee))
		return true;
	place.offset = instruction->target;
	place.tested = REGISTER_NONE;
	return every_path_forwards(search, place);
}

static bool branch_forwards(struct search *search, struct place place,
			    const struct instruction *instruction)
{
	unsigned int pointer = PROBE_COOKIE_POINTER(search->origin->function->cookie);
	uint8_t tested = instruction->tested != REGISTER_NONE ? instruction->tested : place.tested;
	bool null_known = tested != REGISTER_NONE &&
			  PROBE_COOKIE_OP(search->origin->function->cookie) == PROBE_FREE &&
			  place.arguments.held[tested] == pointer;
	struct place taken = place;

	place.offset = instruction->offset + instruction->size;
	place.tested = taken.tested = REGISTER_NONE;
	taken.offset = instruction->target;
	if (++place.branches > BRANCHES_MAX)
		return false;
	taken.branches = place.branches;
	if (null_known && instruction->branches_on_zero)
		return every_path_forwards(search, place);
	if (null_known && instruction->branches_on_other)
		return every_path_forwards(search, taken);
	return every_path_forwards(search, place) && every_path_forwards(search, taken);
}

static bool every_path_forwards(struct search *search, struct place place)
{
	struct instruction instruction;

	for (; search->steps < STEPS_MAX; search->steps++) {
		if (instruction_decode(search->decoder, search->code->bytes, search->code->size,
				       place.offset, &instruction))
			return false;
		if (instruction.flow == FLOW_RETURN || instruction.flow == FLOW_STOP)
			return false;
		if (instruction.flow == FLOW_JUMP) {
			search->steps++;
			return jump_forwards(search, place, &instruction);
		}
		if (instruction.flow == FLOW_BRANCH) {
			search->steps++;
			return branch_forwards(search, place, &instruction);
		}
		if (instruction.flow == FLOW_CALL) {
			const struct alloc_function *callee = find_callee(search, &instruction);

			if (callee && passes_on(search, &place.arguments, callee))
				return true;
			arguments_forget_call(&place.arguments);
		}
		arguments_follow(&place.arguments, &instruction);
		place.tested = instruction.tested;
		place.offset += instruction.size;
	}
	return false;
}

bool function_forwards(const struct elf_object *object, const struct elf_function *function)
{
	struct search search = {
		.object = object,
		.origin = function,
		.code = elf_object_code(object, function->address),
		.decoder = decoder_new(),
	};
	struct place place = {.tested = REGISTER_NONE};
	bool forwards = false;

	arguments_init(&place.arguments);
	if (search.code && search.decoder) {
		place.offset = code_offset(search.code, function->address);
		forwards = every_path_forwards(&search, place);
	}
	decoder_free(search.decoder);
	return forwards;
}
