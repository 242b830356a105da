/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct _gc_runtime_state (Include/internal/pycore_gc.h), of the interpreter from 3.9 on, of the
 * runtime in 3.8: whether it is enabled at 12, debug flags, three generations of {list head,
 * threshold, count} from 24 on, then (up to 3.13) a pointer to the first of them, the permanent
 * generation, the statistics of each of the three, and gc.garbage. Some builds of 3.13 pack list
 * heads, so that the generations begin at 20: the pointer tells.
 *
 * The incremental collector of 3.14.0 to 3.14.4 has the same numbers at the same places, and behind
 * them work_to_do, visited_space and phase. Each of its collections counts in the second
 * generation, the third has gc.collect() alone. It goes through the old objects by and by, from one
 * space into the other; at the end the spaces change their parts, or, where the permanent
 * generation is not empty, all are moved back; in both cases the next cycle begins with marking
 * what is reachable. What is immortal it puts into the permanent generation.
 */
#include "collector_state.h"

#include <string.h>

#include "../../lib/bytes.h"
#include "structs.h"

enum {
	ENABLED = 12,
	DEBUG = 16,
	DEBUG_SAVEALL = 32,
	GENERATIONS = 24,
	GENERATIONS_PACKED = 20,
	GENERATION_POINTER = 96, /* up to 3.13 */
	GENERATION_BYTES = 24,
	THRESHOLD = 16,
	COUNT = 20,
	STATISTICS = 128,    /* up to 3.13 */
	STATISTICS_14 = 120, /* 3.14 */
	STATISTICS_BYTES = 24,
	PERMANENT = 24, /* in front of the statistics */
	GARBAGE = 80,   /* behind their beginning */
	STATE_BYTES = 224,
	COUNT_MAX = 1 << 30,
	INCREMENTAL_LAST = 4, /* of 3.14 */
	VISITED_SPACE = 232,  /* of the incremental one */
	PHASE = 236,
	PHASE_MARK = 0,
	PHASE_COLLECT = 1,
	FROZEN_MAX = 1 << 26,
	GC_PREVIOUS = 8,
	GC_FLAGS = 3, /* in the links */
};

/* 0: not known. */
static uint64_t find_state(const struct python_interpreter *interpreter)
{
	const struct python_layout *layout = &interpreter->layout;
	uint64_t first;

	if (layout->runtime_gc != PYTHON_ABSENT)
		return interpreter->runtime + layout->runtime_gc;
	if (memory_read_u64(&interpreter->memory,
			    interpreter->runtime + layout->runtime_interpreters, &first))
		return 0;
	return first + layout->interpreter_gc;
}

/* Returns its address, or 0. */
static uint64_t read_state(const struct python_interpreter *interpreter, uint8_t state[STATE_BYTES])
{
	uint64_t address = find_state(interpreter);

	return address && !memory_read(&interpreter->memory, address, state, STATE_BYTES) ? address
											  : 0;
}

static size_t statistics_of(const struct python_interpreter *interpreter)
{
	return PYTHON_MINOR(interpreter->layout.version) >= PYTHON_VERSION(3, 14) ? STATISTICS_14
										  : STATISTICS;
}

static bool is_incremental(uint32_t version)
{
	return PYTHON_MINOR(version) == PYTHON_VERSION(3, 14) &&
	       (version >> 8 & 0xff) <= INCREMENTAL_LAST;
}

static size_t generations_of(const uint8_t *state, uint64_t address, size_t statistics)
{
	bool packed = statistics == STATISTICS &&
		      bytes_u64(state, GENERATION_POINTER) == address + GENERATIONS_PACKED;

	return packed ? GENERATIONS_PACKED : GENERATIONS;
}

static bool read_generation(const uint8_t *state, size_t generation, size_t numbers, size_t number,
			    struct look_gc *gc)
{

	gc->generations[number].threshold = bytes_u32(state, generation + THRESHOLD);
	gc->generations[number].count = bytes_u32(state, generation + COUNT);
	gc->generations[number].collections = bytes_u64(state, numbers);
	gc->generations[number].collected = bytes_u64(state, numbers + 8);
	gc->generations[number].uncollectable = bytes_u64(state, numbers + 16);
	return gc->generations[number].threshold <= COUNT_MAX &&
	       gc->generations[number].collections <= COUNT_MAX;
}

void collector_read(const struct python_interpreter *interpreter, struct look_gc *gc,
		    struct collector_lists *lists)
{
	size_t statistics = statistics_of(interpreter);
	uint8_t state[STATE_BYTES];
	uint64_t address = read_state(interpreter, state);

	*gc = (struct look_gc){.frozen = LOOK_UNKNOWN};
	*lists = (struct collector_lists){0};
	if (!address)
		return;
	gc->known = bytes_u32(state, ENABLED) <= 1;
	gc->enabled = bytes_u32(state, ENABLED) == 1;
	gc->saves_all = bytes_u32(state, DEBUG) & DEBUG_SAVEALL;
	gc->is_incremental = is_incremental(interpreter->layout.version);
	gc->generation_count = LOOK_GENERATIONS;
	size_t generations = generations_of(state, address, statistics);
	for (size_t i = 0; i < LOOK_GENERATIONS; i++)
		if (!read_generation(state, generations + i * GENERATION_BYTES,
				     statistics + i * STATISTICS_BYTES, i, gc))
			gc->known = false;
	lists->permanent = address + statistics - PERMANENT;
	lists->garbage = bytes_u64(state, statistics + GARBAGE);
	gc->has_frozen = bytes_u64(state, statistics - PERMANENT) != lists->permanent;
	if (!gc->has_frozen)
		gc->frozen = 0;
}

uint64_t collector_each_frozen(const struct collector_lists *lists, struct view *view,
			       void (*act)(void *context, uint64_t address), void *context)
{
	uint64_t at = lists->permanent, next, previous, count = 0;

	while (view_u64(view, at, &next)) {
		next &= ~(uint64_t)GC_FLAGS;
		if (!view_u64(view, next + GC_PREVIOUS, &previous) ||
		    (previous & ~(uint64_t)GC_FLAGS) != at)
			break;
		if (next == lists->permanent)
			return count;
		if (count++ == FROZEN_MAX)
			break;
		act(context, next + GC_HEAD_BYTES);
		at = next;
	}
	return LOOK_UNKNOWN;
}

uint64_t collector_full_collections(const struct python_interpreter *interpreter)
{
	struct collector_lists lists;
	struct look_gc gc;

	collector_read(interpreter, &gc, &lists);
	return gc.known ? gc.generations[LOOK_GENERATIONS - 1].collections : 0;
}

struct collector_cycle collector_cycle_read(const struct python_interpreter *interpreter)
{
	uint64_t address = find_state(interpreter);
	uint32_t space, phase;

	if (!is_incremental(interpreter->layout.version) || !address ||
	    memory_read_u32(&interpreter->memory, address + VISITED_SPACE, &space) ||
	    memory_read_u32(&interpreter->memory, address + PHASE, &phase) || space > 1 ||
	    (phase != PHASE_MARK && phase != PHASE_COLLECT))
		return (struct collector_cycle){0};
	return (struct collector_cycle){true, space == 1, phase == PHASE_MARK};
}

bool collector_cycle_ended(const struct collector_cycle *before, const struct collector_cycle *now)
{
	return before->known && now->known &&
	       (before->space != now->space || (!before->marks && now->marks));
}
