/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a function's entry, code that neither branches nor touches the stack only shuffles values
 * between registers, so that a probe behind it sees the same call as one at the entry, provided
 * that it looks for the arguments where they are by then: copies from register to register are
 * followed, and the cookie is renumbered (mimalloc's malloc moves its size to the second argument's
 * register before its first branch). Whatever else writes a register loses the argument in it.
 */
#include "sites.h"

#include <string.h>

#include "arguments.h"

enum { SITE_BYTES_MAX = 64, FUNCTION_BYTES_MAX = 1 << 16 };

const char *site_kind_name(enum site_kind kind)
{
	switch (kind) {
	case SITE_EMULATED:
		return "emulated";
	case SITE_EMULATED_NOP:
		return "emulated nop";
	case SITE_STEPPED:
		break;
	}
	return "single-stepped";
}

static enum site_kind kind_of(enum probe_cost cost)
{
	return cost == COST_EMULATED       ? SITE_EMULATED
	       : cost == COST_EMULATED_NOP ? SITE_EMULATED_NOP
					   : SITE_STEPPED;
}

void site_fill(const struct alloc_function *function, uint64_t code_file_offset, uint64_t entry,
	       uint64_t cookie, const struct instruction *instruction, struct site *site)
{
	site->function = function;
	site->cookie = cookie;
	site->file_offset = code_file_offset + instruction->offset;
	site->skipped = (uint32_t)(instruction->offset - entry);
	site->kind = kind_of(instruction->cost);
	site->role = ROLE_CALL;
	memcpy(site->instruction, instruction->text, sizeof(site->instruction));
}

/* Whether a branch of the function leads behind its entry, up to the site. */
static bool is_branched_to(struct decoder *decoder, const uint8_t *code, size_t size, uint64_t site)
{
	struct instruction instruction;

	if (size > FUNCTION_BYTES_MAX)
		size = FUNCTION_BYTES_MAX;
	for (uint64_t at = 0; at < size; at += instruction.size) {
		if (instruction_decode(decoder, code, size, at, &instruction))
			instruction.size = 1;
		else if (instruction.target > 0 && instruction.target <= site)
			return true;
	}
	return false;
}

/* Where nothing cheap qualifies, the first instruction that every kernel takes. */
static bool is_better(const struct site *site, const struct instruction *instruction)
{
	return instruction->cost != COST_REFUSED &&
	       (!site->instruction[0] || kind_of(instruction->cost) < site->kind);
}

static void choose(struct decoder *decoder, const struct alloc_function *function,
		   const uint8_t *code, size_t size, uint64_t file_offset, struct site *site)
{
	struct arguments arguments;
	struct instruction instruction;
	uint64_t at = 0, cookie;

	arguments_init(&arguments);
	while (at < SITE_BYTES_MAX) {
		if (instruction_decode(decoder, code, size, at, &instruction) ||
		    !arguments_renumber(&arguments, function->cookie, &cookie))
			return;
		if (is_better(site, &instruction) &&
		    (at == 0 || !is_branched_to(decoder, code, size, at)))
			site_fill(function, file_offset, 0, cookie, &instruction, site);
		if (site->instruction[0] && site->kind == SITE_EMULATED)
			return;
		if (instruction.flow != FLOW_NEXT || instruction.moves_stack)
			return;
		arguments_follow(&arguments, &instruction);
		at += instruction.size;
	}
}

void site_choose(const struct alloc_function *function, const uint8_t *code, size_t size,
		 uint64_t file_offset, struct site *site)
{
	struct decoder *decoder = decoder_new();

	*site = (struct site){
		.function = function,
		.cookie = function->cookie,
		.file_offset = file_offset,
		.kind = SITE_STEPPED,
	};
	if (decoder)
		choose(decoder, function, code, size, file_offset, site);
	decoder_free(decoder);
}
