/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * That each call passes one of some branches with its result in a register: returns.h. Where
 * the size is there, and the caller's registers, is found by data flow: at the function's entry
 * they are where the calling convention puts them; each instruction moves them or loses them;
 * where ways meet, what holds on all of them holds. What is pushed is found again as long as it
 * lies above the stack pointer.
 *
 * Two ways out where a slow path has the size no more. The last that knew it is a call: a probe on
 * that call notes it. Or the function leaves by a jump to another, with its arguments and its stack
 * as they were at its entry: then that jump is as good as an entry, and is probed like one.
 *
 * A size may be the product of two arguments (calloc's).
 *
 * What is called may allocate by itself: callees.h must say that it does not. And code outside of
 * the function may be run for others (musl's malloc is a jump to what its aligned_alloc calls too):
 * sites lie inside. An allocator that takes its memory from another one calls what allocates on its
 * slow ways: these calls are marked, so that what is allocated there is known to be for it.
 */
#include "direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "callees.h"
#include "code_walk.h"
#include "returns.h"

enum { STEPS_MAX = 5000, ROUNDS_MAX = 64, WORD = 8, WORDS_MAX = 64, ALIGNMENT = 8 };

/* What is followed; in a place's bit mask. */
enum { THE_SIZE = 1, THE_FRAME = 2, THE_EXTRA = 4, THE_NUMBER = 8, THE_EACH = 16 };

/* What holds before an instruction. */
struct state {
	bool reached;
	bool noted;    /* the size is lost, and was known at a call before */
	bool marked;   /* such a call may allocate: see is_outer() */
	int32_t words; /* from the stack pointer up to the return address */
	uint8_t registers[REGISTER_COUNT];
	uint8_t stack[WORDS_MAX]; /* counted from the return address down */
};

struct flow {
	const struct elf_object *object;
	const struct elf_function *function;
	const struct code *code;
	struct code_walk walk;
	struct state *states; /* by the first step that leads to an instruction */
	uint64_t *outer;      /* offsets of calls that may allocate, where that is allowed for */
	size_t outer_count;
	struct site *sites;
	size_t count;
};

static bool is_eligible(const struct alloc_function *function)
{
	uint64_t cookie = function->cookie;

	return frame_register != REGISTER_NONE && PROBE_COOKIE_OP(cookie) == PROBE_ALLOC &&
	       PROBE_COOKIE_SIZE(cookie) != PROBE_NO_ARG && !PROBE_COOKIE_POOL(cookie) &&
	       !(function->flags & FUNCTION_THROWS);
}

/* Of an allocator that takes its memory from another one. */
static bool is_on_top(const struct alloc_function *function)
{
	return PROBE_COOKIE_DOMAIN(function->cookie) != DOMAIN_MALLOC;
}

/* --- what an instruction does --- */

static bool move_stack(struct state *state, const struct state *before,
		       const struct instruction *instruction)
{
	int32_t words = before->words - instruction->pops / WORD;

	if (instruction->pops == STACK_UNKNOWN || instruction->pops % WORD || words < 0 ||
	    words > WORDS_MAX)
		return false;
	if (instruction->popped != REGISTER_NONE)
		state->registers[instruction->popped] = before->stack[before->words - 1];
	state->words = words;
	int32_t low = words < before->words ? words : before->words;
	int32_t high = words < before->words ? before->words : words;
	memset(state->stack + low, 0, (size_t)(high - low));
	if (instruction->pushed != REGISTER_NONE)
		state->stack[words - 1] =
			before->registers[instruction->pushed] & (THE_FRAME | THE_EXTRA);
	return true;
}

/* A word that lies between the stack pointer and the return address; NULL: none does. */
static uint8_t *stack_word(struct state *state, int32_t bytes)
{
	int32_t above = bytes / WORD;

	return bytes < 0 || bytes % WORD || above >= state->words
		       ? NULL
		       : &state->stack[state->words - 1 - above];
}

/* Stores that are not understood may have gone anywhere; where registers were pushed
 * is known better than that. */
static void pass_stack_word(struct state *state, const struct state *before,
			    const struct instruction *instruction)
{
	uint8_t *word = stack_word(state, instruction->stack_at);

	if (instruction->stored != REGISTER_NONE && word)
		*word = before->registers[instruction->stored];
	else if (instruction->loaded != REGISTER_NONE && word)
		state->registers[instruction->loaded] = *word;
	else if (instruction->moves_stack && !instruction->pops && instruction->flow == FLOW_NEXT)
		for (int32_t i = 0; i < WORDS_MAX; i++)
			state->stack[i] &= (uint8_t)~THE_SIZE;
}

static bool find_register(const struct state *state, uint8_t what, uint64_t *number)
{
	for (uint8_t i = 0; i <= PROBE_PLACE_RESULT_MAX; i++)
		if (state->registers[i] & what) {
			*number = i;
			return true;
		}
	return false;
}

static bool is_note(const struct state *before, const struct instruction *instruction)
{
	uint32_t kept = ~(call_clobbered_registers | instruction->writes);
	bool known = false;

	if (instruction->flow != FLOW_CALL || instruction->cost != COST_EMULATED)
		return false;
	for (unsigned int i = 0; i <= PROBE_PLACE_RESULT_MAX; i++) {
		if (before->registers[i] & THE_SIZE && kept >> i & 1)
			return false;
		known |= (before->registers[i] & THE_SIZE) != 0;
	}
	return known;
}

static bool is_size_product(const struct state *before, const struct instruction *instruction)
{
	if (instruction->product == REGISTER_NONE)
		return false;
	uint8_t a = before->registers[instruction->factors[0]];
	uint8_t b = before->registers[instruction->factors[1]];
	return (a & THE_NUMBER && b & THE_EACH) || (b & THE_NUMBER && a & THE_EACH);
}

/*
 * A call of an allocator's own that allocates: what it allocates belongs to the block that is
 * returned. That is for an allocator that sits on another one, as CPython's does. A probe on the
 * call marks that all is nested from there to the direct site.
 */
static bool is_outer(const struct flow *flow, const struct instruction *instruction)
{
	for (size_t i = 0; i < flow->outer_count; i++)
		if (flow->outer[i] == instruction->offset)
			return true;
	return false;
}

/* False where the stack cannot be followed. */
static bool pass(const struct flow *flow, struct state *state,
		 const struct instruction *instruction)
{
	const struct state before = *state;
	bool outer = is_outer(flow, instruction);
	uint32_t lost = instruction->writes;
	uint64_t size;

	state->noted |=
		is_note(&before, instruction) || (outer && find_register(&before, THE_SIZE, &size));
	state->marked |= outer;
	if (instruction->flow == FLOW_CALL)
		lost |= call_clobbered_registers;
	for (unsigned int i = 0; i < REGISTER_COUNT; i++)
		if (lost >> i & 1)
			state->registers[i] = 0;
	if (instruction->copy_to != REGISTER_NONE)
		state->registers[instruction->copy_to] = before.registers[instruction->copy_from];
	pass_stack_word(state, &before, instruction);
	if (is_size_product(&before, instruction))
		state->registers[instruction->product] = THE_SIZE;
	if (instruction->flow == FLOW_CALL || !instruction->pops)
		return true;
	return move_stack(state, &before, instruction);
}

/* --- where ways meet --- */

/* Returns 1 where that says less than was known, 0 where nothing new, -1 where it cannot be. */
static int meet(struct state *state, const struct state *other)
{
	int less = 0;

	if (!state->reached) {
		*state = *other;
		return 1;
	}
	if (state->words != other->words)
		return -1;
	less |= (state->noted && !other->noted) || (state->marked && !other->marked);
	state->noted &= other->noted;
	state->marked &= other->marked;
	for (size_t i = 0; i < REGISTER_COUNT; i++) {
		less |= (state->registers[i] & ~other->registers[i]) != 0;
		state->registers[i] &= other->registers[i];
	}
	for (size_t i = 0; i < WORDS_MAX; i++) {
		less |= (state->stack[i] & ~other->stack[i]) != 0;
		state->stack[i] &= other->stack[i];
	}
	return less;
}

static struct state *state_at(const struct flow *flow, uint64_t offset)
{
	size_t count;
	const struct code_step *steps = code_walk_steps_to(&flow->walk, offset, &count);

	return count ? &flow->states[steps - flow->walk.steps] : NULL;
}

static bool is_padding(const struct instruction *instruction)
{
	return instruction->flow == FLOW_NEXT && !instruction->writes &&
	       !strncmp(instruction->text, "nop", 3);
}

/*
 * Whether behind a call there is padding up to a place that is only jumped forward to. A compiler
 * pads there where nothing comes from above (before the head of a loop it also pads what is run
 * through, but to that a jump leads back): the call does not return. This tells what judging the
 * callee cannot: one that returns or not by what it is given (glibc's __libc_message).
 */
static bool is_barrier(const struct flow *flow, uint64_t after)
{
	struct instruction padding;
	uint64_t at = after, before = after;
	size_t count;

	while (code_walk_decode(&flow->walk, at, &padding) && is_padding(&padding)) {
		before = at;
		at += padding.size;
	}
	const struct code_step *steps = code_walk_steps_to(&flow->walk, at, &count);
	size_t jumps = 0;
	for (size_t i = 0; i < count; i++) {
		if (steps[i].from != before && steps[i].from >= at)
			return false;
		jumps += steps[i].from != before;
	}
	return at > after && (flow->code->address + at) % ALIGNMENT == 0 && jumps;
}

/*
 * One way from an instruction to the next. Behind a call that never returns there is other code,
 * where the stack is another one: such a way is none.
 */
static int step_over(const struct flow *flow, const struct code_step *step, bool calls,
		     struct state *state)
{
	const struct state *before = state_at(flow, step->from);
	struct instruction instruction;

	if (!before || !before->reached)
		return 0;
	if (!code_walk_decode(&flow->walk, step->from, &instruction))
		return -1;
	if ((instruction.flow == FLOW_CALL) != calls)
		return 0;
	if (calls && is_barrier(flow, step->to))
		return 0;
	struct state after = *before;
	if (!pass(flow, &after, &instruction))
		return -1;
	int less = meet(state, &after);
	return less < 0 && calls ? 0 : less;
}

static struct state state_of_entry(const struct alloc_function *function)
{
	struct state state = {.reached = true};
	uint64_t number = PROBE_COOKIE_COUNT(function->cookie);

	state.registers[argument_registers[PROBE_COOKIE_SIZE(function->cookie)]] =
		number == PROBE_NO_ARG ? THE_SIZE : THE_EACH;
	if (number != PROBE_NO_ARG)
		state.registers[argument_registers[number]] = THE_NUMBER;
	state.registers[frame_register] |= THE_FRAME;
	state.registers[extra_register] |= THE_EXTRA;
	return state;
}

/* Returns as meet(), of all steps over calls, or all others. */
static int follow_once(const struct flow *flow, bool calls)
{
	const struct state entry = state_of_entry(flow->function->function);
	int changed = 0;

	for (size_t i = 0; i < flow->walk.step_count; i++) {
		const struct code_step *step = &flow->walk.steps[i];
		struct state *state = state_at(flow, step->to);
		int less = step->from == CODE_NOWHERE ? meet(state, &entry)
						      : step_over(flow, step, calls, state);

		if (less < 0)
			return less;
		changed |= less;
	}
	return changed;
}

/* Until nothing changes; over calls last, which may never return. False where the
 * function cannot be followed. */
static bool follow(const struct flow *flow)
{
	int changed = 1;

	for (int round = 0; changed > 0 && round < ROUNDS_MAX; round++) {
		changed = follow_once(flow, false);
		if (!changed)
			changed = follow_once(flow, true);
	}
	return !changed;
}

/* --- the sites --- */

static bool find_place(const struct state *state, uint8_t what, uint64_t *place)
{
	if (find_register(state, what, place))
		return true;
	for (int32_t i = 0; i < state->words; i++)
		if (state->stack[i] & what) {
			*place = PROBE_AT_WORD((uint64_t)(state->words - 1 - i));
			return true;
		}
	return false;
}

static bool complete_site(const struct flow *flow, struct site *site, bool *noted)
{
	const struct state *state = state_at(flow, site->file_offset - flow->code->file_offset);
	uint64_t words = PROBE_COOKIE_WORDS(site->cookie), size = PROBE_SIZE_NOTED, frame, extra;

	if (!state || !state->reached || (uint64_t)state->words != words ||
	    words > PROBE_DIRECT_WORDS_MAX || !find_place(state, THE_FRAME, &frame) ||
	    !find_place(state, THE_EXTRA, &extra))
		return false;
	if (!find_register(state, THE_SIZE, &size) && !state->noted)
		return false;
	*noted |= size == PROBE_SIZE_NOTED;
	site->cookie |= PROBE_DIRECT(size, frame, extra);
	site->role = ROLE_DIRECT;
	return true;
}

static bool add_site(struct flow *flow, enum site_role role, uint64_t cookie,
		     const struct instruction *instruction)
{
	if (flow->count == DIRECT_SITES_MAX)
		return false;
	struct site *site = &flow->sites[flow->count++];
	site_fill(flow->function->function, flow->code->file_offset,
		  code_offset(flow->code, flow->function->address), cookie, instruction, site);
	site->role = role;
	return true;
}

/* A probe on a call: the size is known there, or was noted before. */
static bool add_note(struct flow *flow, const struct state *state,
		     const struct instruction *instruction)
{
	uint64_t cookie = flow->function->function->cookie, size = PROBE_SIZE_NOTED;

	if (is_outer(flow, instruction))
		cookie |= PROBE_NOTE_OUTER;
	find_register(state, THE_SIZE, &size);
	if ((uint32_t)state->words > PROBE_DIRECT_WORDS_MAX)
		return false;
	return add_site(flow, ROLE_NOTE,
			cookie | PROBE_PLACE(0, 0, (uint64_t)state->words) |
				PROBE_DIRECT(size, 0, 0),
			instruction);
}

static bool add_notes(struct flow *flow, bool noted)
{
	struct instruction instruction;

	for (size_t i = 0; i < flow->walk.step_count; i++) {
		uint64_t from = flow->walk.steps[i].from;
		const struct state *state = state_at(flow, from);

		if (!state || !state->reached || !code_walk_decode(&flow->walk, from, &instruction))
			continue;
		if (((noted && is_note(state, &instruction)) || is_outer(flow, &instruction)) &&
		    !add_note(flow, state, &instruction))
			return false;
	}
	return true;
}

/* Jumps out of the function, at which all is as at its entry. */
static bool add_exits(struct flow *flow)
{
	const struct state entry = state_of_entry(flow->function->function);
	struct instruction instruction;

	for (size_t i = 0; i < flow->walk.exit_count; i++) {
		const struct state *state = state_at(flow, flow->walk.exits[i]);
		bool same = state && state->reached && !state->words;

		if (code_walk_ends_in_fill(&flow->walk, flow->walk.exits[i]))
			continue; /* it has a site */
		for (size_t j = 0; same && j < REGISTER_COUNT; j++)
			same = (state->registers[j] & entry.registers[j]) == entry.registers[j];
		if (!same || !code_walk_decode(&flow->walk, flow->walk.exits[i], &instruction) ||
		    instruction.cost != COST_EMULATED ||
		    !add_site(flow, ROLE_CALL, flow->function->function->cookie, &instruction))
			return false;
	}
	return true;
}

/* Whether some calls need no probe but that at their site: else nothing is gained. */
static bool has_quick_way(const struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		if (!state_at(flow, flow->sites[i].file_offset - flow->code->file_offset)->marked)
			return true;
	return false;
}

/* A branch of which both sides are sites, with all in one place, is one whichever way it goes:
 * so its program is run once. */
static void join_sides(struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		for (size_t j = i + 1; j < flow->count; j++) {
			uint64_t differ = flow->sites[i].cookie ^ flow->sites[j].cookie;

			if (flow->sites[i].file_offset != flow->sites[j].file_offset ||
			    differ & ~PROBE_PLACE(0, PROBE_CONDITION(15), 0))
				continue;
			flow->sites[i].cookie &= ~PROBE_PLACE(0, PROBE_CONDITION(15), 0);
			flow->sites[j] = flow->sites[--flow->count];
			break;
		}
}

static bool complete_sites(struct flow *flow)
{
	bool noted = false;

	if (!follow(flow))
		return false;
	for (size_t i = 0; i < flow->count; i++)
		if (!complete_site(flow, &flow->sites[i], &noted))
			return false;
	join_sides(flow);
	return has_quick_way(flow) && add_notes(flow, noted) && add_exits(flow);
}

/* All inside of the function, where it is known how long that is, and cheap: what need
 * not be followed to be known. */
static bool may_be_direct(const struct flow *flow)
{
	uint64_t size = flow->function->size ? flow->function->size : UINT64_MAX;

	for (size_t i = 0; i < flow->count; i++)
		if (flow->sites[i].skipped >= size || flow->sites[i].kind != SITE_EMULATED)
			return false;
	return flow->count && flow->walk.step_count <= STEPS_MAX;
}

/* Fills the sites with what returns.h says of the walk, and sets their number; 0: none will do. */
static int find_in_walk(struct flow *flow, bool before_jumps, bool before_forks)
{
	const struct returns_request request = {
		.function = flow->function->function,
		.entry = code_offset(flow->code, flow->function->address),
		.entry_site = CODE_NOWHERE,
		.before_jumps = before_jumps,
		.before_forks = before_forks,
	};
	bool complete;
	int count = returns_find(&flow->walk, &request, flow->sites, DIRECT_SITES_MAX, &complete);

	flow->count = count > 0 && complete ? (size_t)count : 0;
	if (!may_be_direct(flow)) {
		flow->count = 0;
		return count < 0 ? count : 0;
	}
	flow->states = calloc(flow->walk.step_count + 1, sizeof(*flow->states));
	if (!flow->states)
		return -ENOMEM;
	if (!complete_sites(flow))
		flow->count = 0;
	free(flow->states);
	return 0;
}

/* Each call once, however many ways lead on from it. */
static int find_outer(struct flow *flow)
{
	struct instruction instruction;
	int result = 0;

	for (size_t i = 0; i < flow->walk.step_count && result >= 0; i++) {
		uint64_t from = flow->walk.steps[i].from;

		if (from == CODE_NOWHERE || !code_walk_decode(&flow->walk, from, &instruction) ||
		    instruction.flow != FLOW_CALL || is_outer(flow, &instruction))
			continue;
		result = callees_call_allocates_nothing(flow->object, &flow->walk, &instruction);
		if (!result && !array_append(&flow->outer, &flow->outer_count, from))
			result = -ENOMEM;
	}
	return result < 0 ? result : 0;
}

static int check_callees(struct flow *flow)
{
	int result = callees_allocate_nothing(flow->object, flow->function, &flow->walk);

	if (result <= 0)
		flow->count = 0;
	return result < 0 ? result : 0;
}

static int find(struct flow *flow)
{
	bool on_top = is_on_top(flow->function->function);
	const struct code_walk_request request = {
		.code = flow->code,
		.entry = code_offset(flow->code, flow->function->address),
		.own_bytes = flow->function->size,
		.judge_callees = true,
	};
	int error = code_walk_init(&flow->walk, &request);

	if (error)
		return error;
	if (on_top)
		error = find_outer(flow);
	for (int i = 0; i < 4 && !error && !flow->count; i++)
		error = find_in_walk(flow, i & 1, i & 2);
	if (!error && flow->count && !on_top)
		error = check_callees(flow);
	code_walk_release(&flow->walk);
	free(flow->outer);
	return error;
}

int direct_find(const struct elf_object *object, const struct elf_function *function,
		const struct code *code, struct site sites[DIRECT_SITES_MAX])
{
	struct flow flow = {.object = object, .function = function, .code = code, .sites = sites};

	if (!is_eligible(function->function) || (!function->size && !is_on_top(function->function)))
		return 0;
	int error = find(&flow);
	return error ? error : (int)flow.count;
}
