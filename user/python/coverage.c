/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymalloc has arenas, cut into pools, cut into blocks of one size. A pool's header counts its
 * blocks in use; an arena knows how far its pools have been taken into use. Whatever is larger than
 * 512 bytes is passed on to malloc, and counted. 3.8 keeps one count of all and nothing to derive
 * it from.
 *
 * Its state was static variables up to 3.11. The one exported function that sums them up
 * names them: a 32-bit count of arenas, the array beside it, and the count of passed-on blocks.
 * From 3.12 on it belongs to an interpreter, and those that do not bring their own share the main
 * one's.
 */
#include "coverage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/bytes.h"
#include "code_scan.h"

/* Of struct _obmalloc_state, struct arena_object and struct pool_header. */
enum {
	STATE_ARENAS = 512,
	STATE_ARENA_COUNT = 520,
	STATE_RAW_BLOCKS = 1088,
	ARENA_OBJECT_BYTES = 48,
	ARENA_ADDRESS = 0,
	ARENA_POOL_ADDRESS = 8,
	POOL_HEADER_BYTES = 48,
	POOL_COUNT = 0,
	POOL_CLASS = 36,
};

enum {
	ARENAS_MAX = 1 << 20,
	INTERPRETERS_MAX = 256,
	CLASSES = 32,
	ALIGNMENT = 16,
	POOLS_MAX = 64,
	FUNCTION_BYTES = 64,
	WORD_OPERANDS_MAX = 4,
	POOL_BATCH = 1024,
};

struct operands {
	uint64_t words[WORD_OPERANDS_MAX];
	size_t word_count;
	uint64_t number; /* of 32 bits */
};

static bool collect(const struct scanned *scanned, void *context)
{
	struct operands *operands = context;

	if (!scanned->operand)
		return true;
	if (scanned->operand_bytes == 4 && !operands->number)
		operands->number = scanned->operand;
	if (scanned->operand_bytes == 8 && operands->word_count < WORD_OPERANDS_MAX)
		operands->words[operands->word_count++] = scanned->operand;
	return operands->word_count < 2 || !operands->number;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

int python_counters_find(const struct python_interpreter *interpreter,
			 struct python_counters *counters)
{
	const struct binary_symbol *function = &interpreter->symbols[SYMBOL_ALLOCATED_BLOCKS];
	struct operands operands = {0};

	*counters = (struct python_counters){0};
	if (interpreter->layout.interpreter_obmalloc != PYTHON_ABSENT)
		return 0;
	if (!function->address)
		return -ENOENT;
	code_scan(&interpreter->binary, function->address,
		  function->size ? function->size : FUNCTION_BYTES, collect, &operands);
	if (PYTHON_MINOR(interpreter->layout.version) == PYTHON_VERSION(3, 8)) {
		counters->raw_blocks = operands.words[0];
		return operands.word_count ? 0 : -ENOENT;
	}
	if (operands.word_count < 2 || !operands.number)
		return -ENOENT;
	bool first = distance(operands.words[0], operands.number) <
		     distance(operands.words[1], operands.number);
	counters->arena_count = operands.number;
	counters->arenas = operands.words[!first];
	counters->raw_blocks = operands.words[first];
	return 0;
}

static struct python_pool pool_of(const struct python_layout *layout, const uint8_t *header)
{
	struct python_pool pool;
	uint32_t size_class;

	memcpy(&pool.blocks, header + POOL_COUNT, sizeof(pool.blocks));
	memcpy(&size_class, header + POOL_CLASS, sizeof(size_class));
	pool.block_bytes = size_class < CLASSES ? (size_class + 1) * ALIGNMENT : 0;
	if (!pool.block_bytes ||
	    pool.blocks > (layout->pool_bytes - POOL_HEADER_BYTES) / pool.block_bytes)
		return (struct python_pool){0};
	return pool;
}

int python_pools_read(const struct python_interpreter *interpreter, const uint64_t *addresses,
		      size_t count, struct python_pool *pools)
{
	uint8_t *headers = malloc((size_t)POOL_BATCH * POOL_HEADER_BYTES);
	ssize_t got = headers ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && (got >= 0 || got == -EFAULT); i += POOL_BATCH) {
		size_t batch = count - i < POOL_BATCH ? count - i : POOL_BATCH;

		memset(headers, 0, batch * POOL_HEADER_BYTES);
		got = memory_read_many(&interpreter->memory, addresses + i, batch, headers,
				       POOL_HEADER_BYTES);
		for (size_t j = 0; j < batch; j++)
			pools[i + j] =
				pool_of(&interpreter->layout, headers + j * POOL_HEADER_BYTES);
	}
	free(headers);
	return got < 0 && got != -EFAULT ? (int)got : 0;
}

/* The pools of an arena that were ever taken into use, one behind the other: how many. */
static size_t pools_of(const struct python_interpreter *interpreter, const uint8_t *arena,
		       uint64_t addresses[POOLS_MAX])
{
	const uint64_t size = interpreter->layout.pool_bytes;
	uint64_t start = bytes_u64(arena, ARENA_ADDRESS);
	uint64_t end = bytes_u64(arena, ARENA_POOL_ADDRESS);
	size_t count = 0;

	for (uint64_t at = (start + size - 1) & ~(size - 1); start && at < end && count < POOLS_MAX;
	     at += size)
		addresses[count++] = at;
	return count;
}

struct counting {
	struct python_blocks *blocks;
	bool lists; /* pools too */
	uint64_t *pools;
	size_t pool_count;
};

static int read_arena(const struct python_interpreter *interpreter, const uint8_t *arena,
		      struct counting *counting)
{
	struct python_blocks *blocks = counting->blocks;
	uint64_t addresses[POOLS_MAX] = {0};
	struct python_pool pools[POOLS_MAX];
	size_t count = pools_of(interpreter, arena, addresses);

	if (!bytes_u64(arena, ARENA_ADDRESS))
		return 0;
	for (size_t i = 0; i < count && counting->lists; i++)
		if (!array_append(&counting->pools, &counting->pool_count, addresses[i]))
			return -ENOMEM;
	int error = count ? python_pools_read(interpreter, addresses, count, pools) : 0;
	for (size_t i = 0; !error && i < count; i++) {
		blocks->pool_blocks += pools[i].blocks;
		blocks->pool_bytes += (uint64_t)pools[i].blocks * pools[i].block_bytes;
		blocks->pools += pools[i].blocks > 0;
	}
	blocks->arenas++;
	return error;
}

static int read_arenas(const struct python_interpreter *interpreter, uint64_t address,
		       uint32_t count, struct counting *counting)
{
	size_t size = (size_t)count * ARENA_OBJECT_BYTES;
	int error;

	if (count > ARENAS_MAX)
		return -EBADMSG;
	uint8_t *arenas = malloc(size + 1);
	if (!arenas)
		return -ENOMEM;
	error = memory_read(&interpreter->memory, address, arenas, size);
	for (uint32_t i = 0; !error && i < count; i++)
		error = read_arena(interpreter, arenas + (size_t)i * ARENA_OBJECT_BYTES, counting);
	free(arenas);
	return error == -EFAULT ? -EBADMSG : error;
}

/* By the addresses of the three variables. */
static int read_state(const struct python_interpreter *interpreter,
		      const struct python_counters *counters, struct counting *counting)
{
	const struct memory *memory = &interpreter->memory;
	uint64_t arenas = 0, raw;
	uint32_t count = 0;
	int error = memory_read_u64(memory, counters->raw_blocks, &raw);

	if (!error && counters->arenas)
		error = memory_read_u64(memory, counters->arenas, &arenas);
	if (!error && counters->arenas)
		error = memory_read_u32(memory, counters->arena_count, &count);
	if (error)
		return error;
	counting->blocks->raw_blocks += raw;
	return count ? read_arenas(interpreter, arenas, count, counting) : 0;
}

/* The state of one interpreter, unless it is the one that is shared with the main one. */
static int read_interpreter(const struct python_interpreter *interpreter, uint64_t address,
			    uint64_t shared, struct counting *counting)
{
	uint64_t state = address + interpreter->layout.interpreter_obmalloc;
	int error = 0;

	if (interpreter->layout.obmalloc_is_pointer)
		error = memory_read_u64(&interpreter->memory, state, &state);
	if (error || !state || state == shared)
		return error;
	const struct python_counters counters = {
		.raw_blocks = state + STATE_RAW_BLOCKS,
		.arenas = state + STATE_ARENAS,
		.arena_count = state + STATE_ARENA_COUNT,
	};
	return read_state(interpreter, &counters, counting);
}

/* The main interpreter is the last of the list, and its state the one that others share. */
static int main_state(const struct python_interpreter *interpreter, uint64_t address,
		      uint64_t *state)
{
	*state = address + interpreter->layout.interpreter_obmalloc;
	if (!interpreter->layout.obmalloc_is_pointer)
		return 0;
	return memory_read_u64(&interpreter->memory, *state, state);
}

static int read_interpreters(const struct python_interpreter *interpreter,
			     struct counting *counting)
{
	const struct python_layout *layout = &interpreter->layout;
	uint64_t addresses[INTERPRETERS_MAX], next, shared = 0;
	size_t count = 0;
	int error = memory_read_u64(&interpreter->memory,
				    interpreter->runtime + layout->runtime_interpreters, &next);

	while (!error && next && count < INTERPRETERS_MAX) {
		addresses[count++] = next;
		error = memory_read_u64(&interpreter->memory, next + layout->interpreter_next,
					&next);
	}
	if (!error && !count)
		error = -EBADMSG;
	if (!error)
		error = main_state(interpreter, addresses[count - 1], &shared);
	for (size_t i = 0; !error && i < count; i++)
		error = read_interpreter(interpreter, addresses[i], i + 1 < count ? shared : 0,
					 counting);
	return error;
}

static int count(const struct python_interpreter *interpreter,
		 const struct python_counters *counters, struct counting *counting)
{
	return interpreter->layout.interpreter_obmalloc == PYTHON_ABSENT
		       ? read_state(interpreter, counters, counting)
		       : read_interpreters(interpreter, counting);
}

int python_blocks_read(const struct python_interpreter *interpreter,
		       const struct python_counters *counters, struct python_blocks *blocks)
{
	struct python_blocks found = {0};
	struct counting counting = {.blocks = &found};
	int error = count(interpreter, counters, &counting);

	if (error)
		return error;
	found.blocks = found.raw_blocks + found.pool_blocks;
	*blocks = found;
	return 0;
}

bool python_pools_are_listed(const struct python_interpreter *interpreter,
			     const struct python_counters *counters)
{
	return interpreter->layout.interpreter_obmalloc != PYTHON_ABSENT || counters->arenas;
}

ssize_t python_pools_list(const struct python_interpreter *interpreter,
			  const struct python_counters *counters, uint64_t **addresses)
{
	struct python_blocks found = {0};
	struct counting counting = {.blocks = &found, .lists = true};
	int error = count(interpreter, counters, &counting);

	*addresses = counting.pools;
	if (!error)
		return (ssize_t)counting.pool_count;
	free(counting.pools);
	*addresses = NULL;
	return error;
}
