/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the slots are: from 3.12 on in _PyRuntime; before, in static variables, which the exported
 * functions load from. Stripped files keep those functions, since extension modules call them.
 *
 * What stands in them: nothing names a static function of a stripped file, so that the arrangement
 * must tell. pymalloc serves mem and obj with the same functions, no context, and a comparison with
 * its limit of 512 bytes at the beginning; raw has others. With PYTHONMALLOC=malloc all three
 * domains share raw's. mimalloc has its own for each. A hook (debug, tracemalloc) keeps what it
 * wraps in its context.
 */
#include "allocator_slots.h"

#include <errno.h>
#include <string.h>

#include "code_scan.h"
#include "slot_functions.h"

enum {
	SLOT_BYTES = 40,
	SLOT_WORDS = 5,
	HOOKS_MAX = 4,
	OPERANDS_MAX = 64,
	FUNCTION_BYTES = 512,
	LIMIT_BYTES = 64, /* of code in which pymalloc compares with its limit */
	PYMALLOC_LIMIT = 512,
};

const char *python_backend_name(enum python_backend backend)
{
	switch (backend) {
	case BACKEND_PYMALLOC:
		return "pymalloc";
	case BACKEND_SYSTEM:
		return "malloc";
	case BACKEND_MIMALLOC:
		return "mimalloc";
	case BACKEND_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *python_hook_name(enum python_hook hook)
{
	switch (hook) {
	case HOOK_NONE:
		return "none";
	case HOOK_DEBUG:
		return "debug";
	case HOOK_TRACEMALLOC:
		return "tracemalloc";
	case HOOK_UNKNOWN:
		break;
	}
	return "unknown";
}

struct operands {
	uint64_t addresses[OPERANDS_MAX];
	size_t count;
};

static bool collect(const struct scanned *scanned, void *context)
{
	struct operands *operands = context;

	if (scanned->operand && operands->count < OPERANDS_MAX)
		operands->addresses[operands->count++] = scanned->operand;
	return true;
}

static void collect_operands(const struct python_interpreter *interpreter,
			     enum python_symbol symbol, struct operands *operands)
{
	const struct binary_symbol *function = &interpreter->symbols[symbol];

	*operands = (struct operands){0};
	if (function->address)
		code_scan(&interpreter->binary, function->address,
			  function->size ? function->size : LIMIT_BYTES, collect, operands);
}

static bool holds(const struct operands *operands, uint64_t address)
{
	for (size_t i = 0; i < operands->count; i++)
		if (operands->addresses[i] == address)
			return true;
	return false;
}

static bool is_executable(const struct mappings *mappings, uint64_t address)
{
	const struct mapping *mapping = mappings_find(mappings, address);

	return mapping && mapping->executable;
}

/* Whether a slot is at the address: four pointers to code. */
static bool read_slot(const struct memory *memory, const struct mappings *mappings,
		      uint64_t address, struct python_slot *slot)
{
	uint64_t words[SLOT_WORDS];

	slot->address = address;
	if (address % 8 || memory_read(memory, address, words, sizeof(words)))
		return false;
	slot->context = words[0];
	memcpy(slot->functions, words + 1, sizeof(slot->functions));
	for (int i = 0; i < CALLS; i++)
		if (!is_executable(mappings, slot->functions[i]))
			return false;
	return true;
}

/* Up to 3.11: the function loads both context and malloc of its slot, before any other's. */
static bool find_static_slot(const struct python_interpreter *interpreter,
			     const struct mappings *mappings, enum python_symbol symbol,
			     struct python_slot *slot)
{
	struct operands operands;

	collect_operands(interpreter, symbol, &operands);
	for (size_t i = 0; i < operands.count; i++) {
		uint64_t address = operands.addresses[i];

		if (holds(&operands, address + 8) &&
		    read_slot(&interpreter->memory, mappings, address, slot))
			return true;
		if (holds(&operands, address - 8) &&
		    read_slot(&interpreter->memory, mappings, address - 8, slot))
			return true;
	}
	return false;
}

static bool find_slot(const struct python_interpreter *interpreter, const struct mappings *mappings,
		      enum python_domain domain, struct python_slot *slot)
{
	static const enum python_symbol symbols[PYTHON_DOMAINS] = {
		SYMBOL_RAW_MALLOC, SYMBOL_MEM_MALLOC, SYMBOL_OBJECT_MALLOC};
	uint32_t offset = interpreter->layout.runtime_slots;

	if (offset == PYTHON_ABSENT)
		return find_static_slot(interpreter, mappings, symbols[domain], slot);
	return read_slot(&interpreter->memory, mappings,
			 interpreter->runtime + offset + SLOT_BYTES * domain, slot);
}

struct limit {
	uint64_t callee; /* the first function called */
	bool compared;
};

static bool look_for_limit(const struct scanned *scanned, void *context)
{
	struct limit *limit = context;

	limit->compared |=
		scanned->immediate == PYMALLOC_LIMIT - 1 || scanned->immediate == PYMALLOC_LIMIT;
	if (scanned->target && !limit->callee)
		limit->callee = scanned->target;
	return !limit->compared;
}

/* 3.8 keeps the comparison in a function of its own. */
static bool is_pymalloc(const struct python_interpreter *interpreter, uint64_t malloc_address)
{
	struct limit limit = {0};

	code_scan(&interpreter->binary, malloc_address, LIMIT_BYTES, look_for_limit, &limit);
	if (!limit.compared && binary_is_code(&interpreter->binary, limit.callee))
		code_scan(&interpreter->binary, limit.callee, LIMIT_BYTES, look_for_limit, &limit);
	return limit.compared;
}

/* What the context of a hook wraps: debug hooks put a letter in front of it. */
static enum python_hook unwrap(const struct python_interpreter *interpreter,
			       const struct mappings *mappings, struct python_slot *slot)
{
	struct python_slot inner;
	uint64_t letter;
	bool known = binary_is_code(&interpreter->binary, slot->functions[CALL_MALLOC]);

	if (memory_read_u64(&interpreter->memory, slot->context, &letter))
		return HOOK_UNKNOWN;
	letter &= 255;
	if ((letter == 'r' || letter == 'm' || letter == 'o') &&
	    read_slot(&interpreter->memory, mappings, slot->context + 8, &inner)) {
		*slot = inner;
		return known ? HOOK_DEBUG : HOOK_UNKNOWN;
	}
	if (!read_slot(&interpreter->memory, mappings, slot->context, &inner))
		return HOOK_UNKNOWN;
	*slot = inner;
	return known ? HOOK_TRACEMALLOC : HOOK_UNKNOWN;
}

static enum python_hook unwrap_all(const struct python_interpreter *interpreter,
				   const struct mappings *mappings, struct python_slot *slot)
{
	enum python_hook hook = HOOK_NONE;

	for (int i = 0; i < HOOKS_MAX && slot->context && hook != HOOK_UNKNOWN; i++) {
		enum python_hook outer = unwrap(interpreter, mappings, slot);

		if (hook == HOOK_NONE || outer == HOOK_UNKNOWN)
			hook = outer;
	}
	return slot->context ? HOOK_UNKNOWN : hook;
}

static enum python_backend classify(const struct python_interpreter *interpreter,
				    const struct python_slot *raw, const struct python_slot *mem,
				    const struct python_slot *obj)
{
	uint64_t function = function_unalias(&interpreter->binary, obj->functions[CALL_MALLOC]);
	uint64_t other = function_unalias(&interpreter->binary, mem->functions[CALL_MALLOC]);

	if (!binary_is_code(&interpreter->binary, function) || obj->context || mem->context)
		return BACKEND_UNKNOWN;
	if (function == raw->functions[CALL_MALLOC])
		return BACKEND_SYSTEM;
	if (function == other)
		return is_pymalloc(interpreter, function) ? BACKEND_PYMALLOC : BACKEND_UNKNOWN;
	return other != raw->functions[CALL_MALLOC] &&
			       binary_is_code(&interpreter->binary, other) &&
			       !is_pymalloc(interpreter, function)
		       ? BACKEND_MIMALLOC
		       : BACKEND_UNKNOWN;
}

int python_slots_read(const struct python_interpreter *interpreter, const struct mappings *mappings,
		      struct python_slots *slots)
{
	struct python_slots found = {0};
	struct python_slot inner[PYTHON_DOMAINS];

	for (int i = 0; i < PYTHON_DOMAINS; i++)
		if (!find_slot(interpreter, mappings, (enum python_domain)i, &found.slots[i]))
			return -ENOENT;
	memcpy(inner, found.slots, sizeof(inner));
	found.hook = unwrap_all(interpreter, mappings, &inner[PYTHON_OBJ]);
	if (unwrap_all(interpreter, mappings, &inner[PYTHON_MEM]) != found.hook)
		found.hook = HOOK_UNKNOWN;
	unwrap_all(interpreter, mappings, &inner[PYTHON_RAW]);
	found.backend =
		classify(interpreter, &inner[PYTHON_RAW], &inner[PYTHON_MEM], &inner[PYTHON_OBJ]);
	if (found.backend == BACKEND_PYMALLOC &&
	    functions_find(interpreter, mappings, &inner[PYTHON_OBJ], &found))
		found.backend = BACKEND_UNKNOWN;
	*slots = found;
	return 0;
}
