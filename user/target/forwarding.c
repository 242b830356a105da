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
	bool null;      /* what a return would return is NULL */
};

static bool every_path_forwards(struct search *search, struct place place);

static bool is_free(const struct search *search)
{
	return PROBE_COOKIE_OP(search->origin->function->cookie) == PROBE_FREE;
}

static bool is_held(const struct arguments *arguments, unsigned int argument, unsigned int place)
{
	if (argument == PROBE_NO_ARG || place == PROBE_NO_ARG)
		return argument == place;
	return arguments->held[argument_registers[place]] == argument;
}

static bool passes_on(const struct search *search, const struct arguments *arguments,
		      const struct alloc_function *to)
{
	const struct alloc_function *from = search->origin->function;
	unsigned int count = PROBE_COOKIE_COUNT(from->cookie);

	if (PROBE_COOKIE_OP(from->cookie) != PROBE_COOKIE_OP(to->cookie))
		return false;
	if (from->flags & FUNCTION_WITH_MALLOC)
		return true;
	if (!is_held(arguments, PROBE_COOKIE_POINTER(from->cookie),
		     PROBE_COOKIE_POINTER(to->cookie)))
		return false;
	if (count != PROBE_NO_ARG && PROBE_COOKIE_COUNT(to->cookie) == PROBE_NO_ARG)
		return true;
	return is_held(arguments, PROBE_COOKIE_SIZE(from->cookie), PROBE_COOKIE_SIZE(to->cookie)) &&
	       is_held(arguments, count, PROBE_COOKIE_COUNT(to->cookie));
}

/* Behind a call the origin stands between its caller and the block; see the header. */
static bool may_call(const struct search *search)
{
	const struct alloc_function *from = search->origin->function;

	return from->flags & (FUNCTION_WITH_MALLOC | FUNCTION_THROWS) || is_free(search);
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

static bool call_forwards(struct search *search, const struct place *place,
			  const struct instruction *instruction)
{
	const struct alloc_function *callee = find_callee(search, instruction);

	return callee && may_call(search) && passes_on(search, &place->arguments, callee);
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
	bool null_known = place.tested != REGISTER_NONE && is_free(search) &&
			  place.arguments.held[place.tested] == pointer;
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
		if (instruction.flow == FLOW_RETURN)
			return place.null && !is_free(search);
		if (instruction.flow == FLOW_STOP)
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
			if (call_forwards(search, &place, &instruction))
				return true;
			arguments_forget_call(&place.arguments);
			place.null = false;
		}
		arguments_follow(&place.arguments, &instruction);
		if (instruction.writes >> result_register & 1)
			place.null = instruction.zeroed == result_register;
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
