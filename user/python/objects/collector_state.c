/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct _gc_runtime_state (Include/internal/pycore_gc.h), of the interpreter from 3.9 on, of the
 * runtime in 3.8: whether it is enabled at 12, three generations of {list head, threshold, count}
 * from 24 on, and behind the permanent generation's the statistics of each.
 */
#include "collector_state.h"

#include <string.h>

enum {
	ENABLED = 12,
	GENERATIONS = 24,
	GENERATION_BYTES = 24,
	THRESHOLD = 16,
	COUNT = 20,
	STATISTICS = 128,    /* up to 3.13 */
	STATISTICS_14 = 120, /* 3.14 */
	STATISTICS_BYTES = 24,
	STATE_BYTES = 224,
	COUNT_MAX = 1 << 30,
};

static bool read_state(const struct python_interpreter *interpreter, uint8_t state[STATE_BYTES])
{
	const struct python_layout *layout = &interpreter->layout;
	uint64_t address = interpreter->runtime + layout->runtime_gc, first;

	if (layout->runtime_gc == PYTHON_ABSENT) {
		if (memory_read_u64(&interpreter->memory,
				    interpreter->runtime + layout->runtime_interpreters, &first))
			return false;
		address = first + layout->interpreter_gc;
	}
	return !memory_read(&interpreter->memory, address, state, STATE_BYTES);
}

static uint32_t u32_at(const uint8_t *state, size_t offset)
{
	uint32_t value;

	memcpy(&value, state + offset, sizeof(value));
	return value;
}

static uint64_t u64_at(const uint8_t *state, size_t offset)
{
	uint64_t value;

	memcpy(&value, state + offset, sizeof(value));
	return value;
}

void collector_read(const struct python_interpreter *interpreter, struct look_gc *gc)
{
	size_t statistics = PYTHON_MINOR(interpreter->layout.version) >= PYTHON_VERSION(3, 14)
				    ? STATISTICS_14
				    : STATISTICS;
	uint8_t state[STATE_BYTES];

	*gc = (struct look_gc){.frozen = LOOK_UNKNOWN};
	if (!read_state(interpreter, state))
		return;
	gc->known = u32_at(state, ENABLED) <= 1;
	gc->enabled = u32_at(state, ENABLED) == 1;
	gc->generation_count = LOOK_GENERATIONS;
	for (size_t i = 0; i < LOOK_GENERATIONS; i++) {
		size_t generation = GENERATIONS + i * GENERATION_BYTES;
		size_t numbers = statistics + i * STATISTICS_BYTES;

		gc->generations[i].threshold = u32_at(state, generation + THRESHOLD);
		gc->generations[i].count = u32_at(state, generation + COUNT);
		gc->generations[i].collections = u64_at(state, numbers);
		gc->generations[i].collected = u64_at(state, numbers + 8);
		gc->generations[i].uncollectable = u64_at(state, numbers + 16);
		if (gc->generations[i].threshold > COUNT_MAX ||
		    gc->generations[i].collections > COUNT_MAX)
			gc->known = false;
	}
}

uint64_t collector_full_collections(const struct python_interpreter *interpreter)
{
	struct look_gc gc;

	collector_read(interpreter, &gc);
	return gc.known ? gc.generations[LOOK_GENERATIONS - 1].collections : 0;
}
