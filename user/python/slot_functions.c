/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alias is an address that leads to the same code as a function and yet differs from it: behind
 * its landing pad, or in the padding in front of it, where the bytes read as NOPs that end exactly
 * at it. Functions are aligned to 16 bytes; nothing else has an alias.
 */
#include "slot_functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code_scan.h"

enum {
	ALIGNMENT = 16,
	REFILL_CALLERS_BYTES = 1024,
	REFILL_BYTES = 512,
	REFILL_CALLS_MAX = 16,
	ARENA_POOLS = 64, /* of 3.8 */
	INLINED_MIN = 8, /* the interpreter itself asks three times or so whether pymalloc is set */
};

#define COOKIE(op, p, s, c) PROBE_COOKIE(PROBE_##op, DOMAIN_PYTHON, p, s, c)

/* The first argument of all of them is the context. */
static const struct alloc_function alloc_functions_of[CALLS] = {
	[CALL_MALLOC] = {"pymalloc malloc", COOKIE(ALLOC, PROBE_NO_ARG, 1, PROBE_NO_ARG)},
	[CALL_CALLOC] = {"pymalloc calloc", COOKIE(ALLOC, PROBE_NO_ARG, 2, 1)},
	[CALL_REALLOC] = {"pymalloc realloc", COOKIE(REALLOC, 1, 2, PROBE_NO_ARG)},
	[CALL_FREE] = {"pymalloc free", COOKIE(FREE, 1, PROBE_NO_ARG, PROBE_NO_ARG)},
};

/* (size class), from 3.12 on (state, size class): neither is the size. */
static const struct alloc_function refill_function = {
	"pymalloc pool refill", COOKIE(ALLOC, PROBE_NO_ARG, PROBE_NO_ARG, PROBE_NO_ARG)};

/* (context, bytes): what stands in 3.8's arena allocator. */
static const struct alloc_function arena_function = {"pymalloc arena",
						     COOKIE(ALLOC, PROBE_NO_ARG, 1, PROBE_NO_ARG)};

static bool begins_with_pad(const struct python_binary *binary, uint64_t address)
{
	uint8_t bytes[LANDING_PAD_BYTES];

	return binary_bytes_request(binary, address, bytes, sizeof(bytes)) == sizeof(bytes) &&
	       !memcmp(bytes, landing_pad, sizeof(bytes));
}

/* The NOPs in front of an aligned address that fill the space from `start` on exactly. */
static bool is_padding(const struct python_binary *binary, uint64_t start, uint64_t end)
{
	uint8_t bytes[ALIGNMENT];
	size_t size = end - start;

	return size < ALIGNMENT &&
	       binary_bytes_request(binary, start, bytes, size) == (ssize_t)size &&
	       code_nops(bytes, size) == size;
}

uint64_t function_unalias(const struct python_binary *binary, uint64_t address)
{
	uint64_t aligned = (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

	if (address % ALIGNMENT == LANDING_PAD_BYTES &&
	    begins_with_pad(binary, address - LANDING_PAD_BYTES))
		return address - LANDING_PAD_BYTES;
	if (address != aligned && is_padding(binary, address, aligned))
		return aligned;
	return address;
}

static bool differ_in_one_byte(uint64_t a, uint64_t b)
{
	uint64_t differing = a ^ b;

	return differing && !(differing & (differing - 1) &
			      ~(UINT64_C(255) << (__builtin_ctzll(differing) / 8 * 8)));
}

/* Whether the process has the file mapped as code where a probe would go. */
static bool is_mapped(const struct python_binary *binary, const struct mappings *mappings,
		      uint64_t probed, const struct site *site)
{
	const struct mapping *mapping = mappings_find(mappings, probed);

	return mapping && mapping->executable &&
	       mapping_is_of(mapping, binary->device, binary->inode) &&
	       site->file_offset == mapping->file_offset + (probed - mapping->start);
}

static int choose_site(const struct python_binary *binary, const struct mappings *mappings,
		       const struct alloc_function *function, uint64_t address, struct site *site)
{
	int error = code_site_request(binary, function, address, site);

	return error || is_mapped(binary, mappings, address + site->skipped, site) ? error
										   : -EFAULT;
}

static void take_alias(struct python_function *function, uint64_t alias)
{
	function->alias = alias;
	function->alias_atomic = differ_in_one_byte(alias, function->address);
}

/*
 * Where the function itself has an emulated instruction any alias does, the one written in one go
 * first. Else the padding in front may have one: then the probe goes there.
 */
static int find_site(const struct python_binary *binary, const struct mappings *mappings,
		     const struct alloc_function *function, struct python_function *found)
{
	enum site_kind best;
	bool in_function;
	int error = choose_site(binary, mappings, function, found->address, &found->site);

	if (error)
		return error;
	best = found->site.kind;
	in_function = best == SITE_EMULATED;
	if (begins_with_pad(binary, found->address))
		take_alias(found, found->address + LANDING_PAD_BYTES);
	if (found->address % ALIGNMENT || (in_function && found->alias_atomic))
		return 0;
	for (uint64_t alias = found->address - 1; alias > found->address - ALIGNMENT; alias--) {
		struct site site;

		if (!is_padding(binary, alias, found->address) ||
		    choose_site(binary, mappings, function, alias, &site))
			continue;
		if (!in_function && site.kind < best && site.skipped < found->address - alias) {
			best = site.kind;
			found->alias_site = site;
			found->has_alias_site = true;
			take_alias(found, alias);
		} else if (!found->alias) {
			take_alias(found, alias);
		}
	}
	return 0;
}

const struct site *python_function_site(const struct python_function *function, bool steered)
{
	return steered && function->has_alias_site ? &function->alias_site : &function->site;
}

/* All of them, or none. */
ssize_t python_direct_sites(const struct python_interpreter *interpreter,
			    const struct mappings *mappings, const struct python_slots *slots,
			    struct site **sites)
{
	const struct python_binary *binary = &interpreter->binary;
	uint64_t address = slots->functions[CALL_MALLOC].address;
	ssize_t count =
		code_direct_request(binary, &alloc_functions_of[CALL_MALLOC], address, sites);

	for (ssize_t i = 0; i < count; i++) {
		uint64_t skipped = (uint64_t)(int64_t)(int32_t)(*sites)[i].skipped;

		if (is_mapped(binary, mappings, address + skipped, &(*sites)[i]))
			continue;
		free(*sites);
		*sites = NULL;
		return -EFAULT;
	}
	return count;
}

struct calls {
	const struct python_binary *binary;
	uint64_t targets[REFILL_CALLS_MAX];
	size_t count;
};

static bool collect_call(const struct scanned *scanned, void *context)
{
	struct calls *calls = context;

	if (scanned->target && binary_is_code(calls->binary, scanned->target) &&
	    scanned->target % ALIGNMENT == 0)
		calls->targets[calls->count++] = scanned->target;
	return calls->count < REFILL_CALLS_MAX;
}

struct pool_size {
	uint32_t bytes;
	bool found;
};

/* POOL_SIZE, or POOL_SIZE - 1, or the mask of it. */
static bool find_pool_size(const struct scanned *scanned, void *context)
{
	struct pool_size *pool = context;

	pool->found |=
		scanned->immediate == pool->bytes || scanned->immediate == -(int64_t)pool->bytes;
	return !pool->found;
}

static bool is_refill(const struct python_interpreter *interpreter, uint64_t address)
{
	struct pool_size pool = {.bytes = interpreter->layout.pool_bytes};

	for (int i = SYMBOL_RAW_MALLOC; i <= SYMBOL_OBJECT_FREE; i++)
		if (interpreter->symbols[i].address == address)
			return false;
	code_scan(&interpreter->binary, address, REFILL_BYTES, find_pool_size, &pool);
	return pool.found;
}

/* The direct call out of PyObject_Malloc, or else out of the backend's malloc. */
static void find_refill(const struct python_interpreter *interpreter,
			const struct mappings *mappings, struct python_slots *slots)
{
	const struct binary_symbol *exported = &interpreter->symbols[SYMBOL_OBJECT_MALLOC];
	struct calls calls = {.binary = &interpreter->binary};

	if (exported->address)
		code_scan(calls.binary, exported->address, exported->size, collect_call, &calls);
	if (calls.count < REFILL_CALLS_MAX)
		code_scan(calls.binary, slots->functions[CALL_MALLOC].address, REFILL_CALLERS_BYTES,
			  collect_call, &calls);
	for (size_t i = 0; i < calls.count && !slots->refill; i++)
		if (is_refill(interpreter, calls.targets[i]))
			slots->refill = calls.targets[i];
	slots->refill_pools = 1;
	if (slots->refill && choose_site(calls.binary, mappings, &refill_function, slots->refill,
					 &slots->refill_site))
		slots->refill = 0;
}

static bool find_lowest(const struct scanned *scanned, void *context)
{
	uint64_t *lowest = context;

	if (scanned->operand && scanned->operand < *lowest)
		*lowest = scanned->operand;
	return true;
}

/*
 * 3.8 inlines the refill, but maps arenas through a structure {ctx, alloc, free} that an exported
 * function copies.
 */
static void find_arena_mapper(const struct python_interpreter *interpreter,
			      const struct mappings *mappings, struct python_slots *slots)
{
	const struct binary_symbol *exported = &interpreter->symbols[SYMBOL_GET_ARENA_ALLOCATOR];
	uint64_t structure = UINT64_MAX, function;

	if (exported->address)
		code_scan(&interpreter->binary, exported->address, exported->size, find_lowest,
			  &structure);
	if (structure == UINT64_MAX ||
	    memory_read_u64(&interpreter->memory, structure + 8, &function) ||
	    choose_site(&interpreter->binary, mappings, &arena_function, function,
			&slots->refill_site))
		return;
	slots->refill = function;
	slots->refill_pools = ARENA_POOLS;
}

static int find_functions(const struct python_binary *binary, const struct mappings *mappings,
			  const struct python_slot *backend, struct python_slots *slots)
{
	struct code_references references[CALLS];
	int error = 0;

	for (int i = 0; i < CALLS && !error; i++) {
		struct python_function *function = &slots->functions[i];

		function->address = function_unalias(binary, backend->functions[i]);
		error = find_site(binary, mappings, &alloc_functions_of[i], function);
		function->steered = function->alias &&
				    slots->slots[PYTHON_MEM].functions[i] == function->alias &&
				    slots->slots[PYTHON_OBJ].functions[i] == function->alias;
		references[i].address = function->address;
	}
	if (!error)
		error = code_references_request(binary, references, CALLS);
	for (int i = 0; i < CALLS && !error; i++)
		slots->functions[i].references = (uint32_t)references[i].count;
	return error;
}

int functions_find(const struct python_interpreter *interpreter, const struct mappings *mappings,
		   const struct python_slot *backend, struct python_slots *slots)
{
	int error = find_functions(&interpreter->binary, mappings, backend, slots);

	if (error)
		return error;
	slots->inlined = slots->functions[CALL_MALLOC].references >= INLINED_MIN ||
			 slots->functions[CALL_FREE].references >= INLINED_MIN;
	if (PYTHON_MINOR(interpreter->layout.version) < PYTHON_VERSION(3, 9))
		find_arena_mapper(interpreter, mappings, slots);
	else
		find_refill(interpreter, mappings, slots);
	return 0;
}
