/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands before a `ret`, back to the nearest instructions that the kernel emulates, is its
 * tail: code without branches. We go through it backwards from the `ret`, and keep the register
 * that holds what will be returned, and how far the return address is from the stack pointer. A
 * branch into the tail, or an emulated instruction before it, is a site: who is there, and on the
 * way to the tail, ends at this `ret` for certain, and with the value of that register. A tail
 * whose value is a constant 0 needs no site.
 *
 * All ways into the tail must end in sites; else the `ret` is the site. It is so where the value
 * comes from memory or out of a call right before, where the function's entry lies in the tail, and
 * where any jump elsewhere in the file leads into it: code that is not reached from the entry may
 * be where an exception is caught. It is so too where there is a way through the function that
 * cannot be followed.
 */
#include "returns.h"

#include <errno.h>
#include <stdlib.h>

#include "code_walk.h"

enum {
	TAIL_MAX = 64,
	TAIL_SITES_MAX = 16,
	RETURNS_MAX = 64,
	NEAR_BYTES = 256,
	TAIL_STEP_BYTES = 32,
	WORD = 8
};

/* What holds behind some instruction of a tail. */
struct place {
	uint8_t result; /* register */
	int32_t bytes;  /* from the stack pointer up to the return address */
};

struct tail {
	uint64_t code[TAIL_MAX];       /* offsets of its instructions, the `ret` first */
	struct place places[TAIL_MAX]; /* before each */
	size_t length;
	struct site sites[TAIL_SITES_MAX];
	size_t site_count;
	bool proven;
};

struct search {
	const struct returns_request *request;
	const struct code_walk *walk;
	const struct code *code;
	struct tail *tails; /* one a `ret`, then one a jump to what fills memory */
	size_t tail_count;
	uint64_t ends[RETURNS_MAX]; /* their offsets */
	size_t return_count;
};

static bool add_site(struct search *search, struct tail *tail, const struct place *place,
		     uint8_t condition, const struct instruction *instruction)
{
	uint32_t words = (uint32_t)place->bytes / WORD;
	uint64_t cookie =
		search->request->function->cookie | PROBE_PLACE(place->result, condition, words);

	if (tail->site_count == TAIL_SITES_MAX || place->bytes < 0 || place->bytes % WORD ||
	    words > PROBE_PLACE_WORDS_MAX || place->result > PROBE_PLACE_RESULT_MAX ||
	    search->code->file_offset + instruction->offset == search->request->entry_site)
		return false;
	site_fill(search->request->function, search->code->file_offset, search->request->entry,
		  cookie, instruction, &tail->sites[tail->site_count]);
	tail->sites[tail->site_count++].role = ROLE_END;
	return true;
}

/* Goes back over an instruction. */
static bool place_before(struct place *place, const struct instruction *instruction)
{
	if (instruction->pops == STACK_UNKNOWN)
		return false;
	place->bytes += instruction->pops;
	if (instruction->copy_to == place->result)
		place->result = instruction->copy_from;
	else if (instruction->writes >> place->result & 1)
		return false;
	return place->bytes > -INT16_MAX && place->bytes < INT16_MAX;
}

/* An emulated instruction before the tail; `at` is where the tail begins so far. */
static bool add_sites_of(struct search *search, struct tail *tail, const struct place *place,
			 uint64_t at, const struct instruction *instruction)
{
	struct place before = *place;
	bool conditional = instruction->flow == FLOW_BRANCH;
	bool taken = conditional && instruction->target == at;
	bool passed = conditional && instruction->offset + instruction->size == at;

	if (!place_before(&before, instruction) || (conditional && !instruction->taken_if))
		return false;
	if (taken && !add_site(search, tail, &before, instruction->taken_if, instruction))
		return false;
	if (passed && !add_site(search, tail, &before, instruction->passed_if, instruction))
		return false;
	return conditional || add_site(search, tail, &before, 0, instruction);
}

static bool append(struct tail *tail, uint64_t at, const struct place *place)
{
	if (tail->length == TAIL_MAX)
		return false;
	tail->code[tail->length] = at;
	tail->places[tail->length++] = *place;
	return true;
}

/* An instruction before the tail that belongs to it; nothing does before one that makes it a 0. */
static bool lengthen(struct tail *tail, const struct place *place,
		     const struct instruction *instruction)
{
	struct place before = *place;

	return instruction->zeroed == place->result ||
	       (place_before(&before, instruction) && append(tail, instruction->offset, &before));
}

/* Finds the sites before an instruction of the tail, and those that belong to it. */
static bool look_before(struct search *search, struct tail *tail, size_t index)
{
	const struct place *place = &tail->places[index];
	uint64_t at = tail->code[index];
	struct instruction instruction;
	bool follows = false;
	size_t count;
	const struct code_step *steps = code_walk_steps_to(search->walk, at, &count);

	for (size_t i = 0; i < count; i++) {
		if (i && steps[i].from == steps[i - 1].from)
			continue; /* a branch to what follows it */
		if (steps[i].from == CODE_NOWHERE ||
		    !code_walk_decode(search->walk, steps[i].from, &instruction))
			return false;
		if (instruction.flow == FLOW_JUMP && search->request->before_jumps) {
			if (!lengthen(tail, place, &instruction))
				return false;
		} else if (instruction.cost == COST_EMULATED && instruction.flow != FLOW_CALL) {
			if (!add_sites_of(search, tail, place, at, &instruction))
				return false;
		} else if (instruction.flow != FLOW_NEXT || follows ||
			   !lengthen(tail, place, &instruction)) {
			return false;
		} else {
			follows = true;
		}
	}
	return true;
}

/* From where it ends. */
static bool tail_grow(struct search *search, uint64_t at, const struct place *place,
		      struct tail *tail)
{
	if (!append(tail, at, place))
		return false;
	for (size_t i = 0; i < tail->length; i++)
		if (!look_before(search, tail, i))
			return false;
	return true;
}

static bool tail_find(struct search *search, size_t index, struct tail *tail)
{
	bool fills = index >= search->return_count;
	const struct place place = {.result = fills ? argument_registers[0] : result_register};
	struct instruction end;

	return code_walk_decode(search->walk, search->ends[index], &end) &&
	       (fills || end.cost != COST_EMULATED) && /* else the `ret` itself is as cheap */
	       tail_grow(search, search->ends[index], &place, tail);
}

/* A jump from code that was not reached. */
static void jump_found(struct search *search, uint64_t to)
{
	for (size_t i = 0; i < search->tail_count; i++)
		for (size_t j = 0; j < search->tails[i].length; j++)
			if (search->tails[i].code[j] == to)
				search->tails[i].proven = false;
}

/* Short jumps come from near; what is reached tells where an instruction begins. */
static void find_jumps_near(struct search *search, uint64_t place)
{
	uint64_t size = search->code->size;
	uint64_t end = size - place > NEAR_BYTES ? place + NEAR_BYTES : size;
	struct instruction instruction;

	for (uint64_t at = place > NEAR_BYTES ? place - NEAR_BYTES : 0; at < end;) {
		bool known = code_walk_decode(search->walk, at, &instruction);
		uint64_t next = at + (known ? instruction.size : 1);

		for (uint64_t i = at + 1; !code_walk_saw(search->walk, at) && i < next; i++)
			if (code_walk_saw(search->walk, i)) {
				known = false;
				next = i;
			}
		if (known && instruction.target != CODE_NOWHERE && instruction.flow != FLOW_CALL &&
		    !code_walk_saw(search->walk, at))
			jump_found(search, instruction.target);
		at = next;
	}
}

/* Wherever bytes could be read as a long one, whether or not an instruction begins there. */
static void find_jumps_far(struct search *search)
{
	uint64_t low = UINT64_MAX, high = 0, at = 0;
	struct code_jump jump;

	for (size_t i = 0; i < search->tail_count; i++)
		for (size_t j = 0; j < search->tails[i].length; j++) {
			uint64_t offset = search->tails[i].code[j];

			low = offset < low ? offset : low;
			high = offset > high ? offset : high;
		}
	for (; jump_next(search->code->bytes, search->code->size, at, &jump); at = jump.offset + 1)
		if (jump.target >= low && jump.target <= high &&
		    !code_walk_saw(search->walk, jump.offset) &&
		    !code_walk_saw(search->walk, jump.prefix))
			jump_found(search, jump.target);
}

static bool is_near(uint64_t a, uint64_t b)
{
	return (a < b ? b - a : a - b) < TAIL_STEP_BYTES;
}

static void prove(struct search *search)
{
	bool any = false;

	for (size_t i = 0; i < search->tail_count; i++) {
		struct tail *tail = &search->tails[i];

		tail->proven = tail_find(search, i, tail);
		any |= tail->proven;
	}
	if (!any)
		return;
	for (size_t i = 0; i < search->tail_count; i++) {
		const struct tail *tail = &search->tails[i];

		for (size_t j = 0; j < tail->length; j++)
			if (!j || !is_near(tail->code[j], tail->code[j - 1]))
				find_jumps_near(search, tail->code[j]);
	}
	find_jumps_far(search);
}

static bool append_sites(struct search *search, size_t index, struct site *sites, size_t *count,
			 size_t max)
{
	const struct tail *tail = &search->tails[index];
	const struct site *from = tail->sites;
	size_t added = tail->site_count;
	struct instruction instruction;
	struct site own;

	if (!tail->proven) {
		if (index >= search->return_count ||
		    !code_walk_decode(search->walk, tail->code[0], &instruction))
			return false;
		site_fill(search->request->function, search->code->file_offset,
			  search->request->entry, search->request->function->cookie, &instruction,
			  &own);
		own.role = ROLE_END;
		from = &own;
		added = 1;
	}
	if (added > max - *count)
		return false;
	for (size_t i = 0; i < added; i++)
		sites[(*count)++] = from[i];
	return true;
}

/* --- forks --- */

static bool is_fork(const struct site *a, const struct site *b)
{
	uint64_t a_if = PROBE_COOKIE_CONDITION(a->cookie), b_if = PROBE_COOKIE_CONDITION(b->cookie);
	uint64_t same = PROBE_PLACE(PROBE_PLACE_RESULT_MAX, 0, PROBE_PLACE_WORDS_MAX);

	return a->file_offset == b->file_offset && a_if && b_if && a_if != b_if &&
	       !((a->cookie ^ b->cookie) & same);
}

/* Replaces two sites at one branch by what leads to it. False where that cannot be told. */
static bool go_before(struct search *search, struct site *sites, size_t a, size_t b, size_t *count,
		      size_t max)
{
	uint64_t at = sites[a].file_offset - search->code->file_offset;
	const struct place place = {
		.result = (uint8_t)PROBE_COOKIE_RESULT(sites[a].cookie),
		.bytes = (int32_t)PROBE_COOKIE_WORDS(sites[a].cookie) * WORD,
	};
	struct tail *tail = calloc(1, sizeof(*tail));
	bool found =
		tail && tail_grow(search, at, &place, tail) && tail->site_count <= max - *count + 2;

	if (found) {
		sites[b] = sites[--*count];
		sites[a] = sites[--*count];
		for (size_t i = 0; i < tail->site_count; i++)
			sites[(*count)++] = tail->sites[i];
	}
	free(tail);
	return found;
}

static void replace_forks(struct search *search, struct site *sites, size_t *count, size_t max)
{
	for (size_t i = 0; i < *count; i++)
		for (size_t j = i + 1; j < *count; j++)
			if (is_fork(&sites[i], &sites[j])) {
				go_before(search, sites, i, j, count, max);
				break;
			}
}

/* False where there are too many. */
static bool collect_ends(struct search *search)
{
	const struct code_walk *walk = search->walk;
	bool room = true;

	for (size_t i = 0; i < walk->return_count && (room = i < RETURNS_MAX); i++)
		search->ends[search->tail_count++] = walk->returns[i];
	search->return_count = search->tail_count;
	for (size_t i = 0; i < walk->exit_count && room; i++)
		if (code_walk_ends_in_fill(walk, walk->exits[i]) &&
		    (room = search->tail_count < RETURNS_MAX))
			search->ends[search->tail_count++] = walk->exits[i];
	return room;
}

static int find(struct search *search, struct site *sites, size_t max, bool *complete)
{
	size_t count = 0;

	*complete = collect_ends(search) && search->walk->complete;
	search->tails = calloc(search->tail_count + 1, sizeof(*search->tails));
	if (!search->tails)
		return -ENOMEM;
	if (*complete)
		prove(search);
	for (size_t i = 0; i < search->tail_count; i++) {
		search->tails[i].code[0] = search->ends[i];
		if (!append_sites(search, i, sites, &count, max))
			*complete = false;
	}
	if (search->request->before_forks)
		replace_forks(search, sites, &count, max);
	free(search->tails);
	return (int)count;
}

int returns_find(const struct code_walk *walk, const struct returns_request *request,
		 struct site *sites, size_t max, bool *complete)
{
	struct search search = {.request = request, .walk = walk, .code = walk->code};

	return find(&search, sites, max, complete);
}
