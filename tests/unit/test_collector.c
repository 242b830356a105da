/* SPDX-License-Identifier: BSD-2-Clause */
/* What a collector says of itself, in made memory: the incremental one of 3.14.0 to 3.14.4, of
 * which no build may be at hand, and the one that followed with the same structure. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "python/objects/collector_state.h"

enum { RUNTIME = 0x10000, INTERPRETER = 0x10100, STATE = 0x80, BYTES = 0x400 };

/* struct _gc_runtime_state of 3.14 */
struct state {
	uint64_t trash;
	int32_t trash_nesting;
	int32_t enabled;
	int32_t debug;
	struct generation {
		uint64_t next;
		uint64_t previous;
		int32_t threshold;
		int32_t count;
	} young, old[2], permanent;
	struct statistics {
		uint64_t collections;
		uint64_t collected;
		uint64_t uncollectable;
	} statistics[3];
	int32_t collecting;
	uint64_t garbage;
	uint64_t callbacks;
	uint64_t heap_size;
	int64_t work_to_do;
	int32_t visited_space;
	int32_t phase;
};

struct made {
	uint8_t bytes[BYTES];
	struct python_interpreter interpreter;
	struct state *state;
};

static int read_made(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	const struct made *made = memory->context;

	if (address < RUNTIME || address + size > RUNTIME + BYTES)
		return -EFAULT;
	memcpy(buffer, made->bytes + (address - RUNTIME), size);
	return 0;
}

static void make(struct made *made, uint32_t version)
{
	const uint64_t first = INTERPRETER, address = INTERPRETER + STATE;
	const uint64_t permanent = address + offsetof(struct state, permanent);

	*made = (struct made){0};
	made->interpreter.memory = (struct memory){.read = read_made, .context = made};
	made->interpreter.runtime = RUNTIME;
	made->interpreter.layout.version = version;
	made->interpreter.layout.runtime_interpreters = 8;
	made->interpreter.layout.interpreter_gc = STATE;
	made->interpreter.layout.runtime_gc = PYTHON_ABSENT;
	memcpy(made->bytes + 8, &first, sizeof(first));
	made->state = (void *)(made->bytes + (address - RUNTIME));
	*made->state = (struct state){
		.enabled = 1,
		.young.threshold = 2000,
		.old[0].threshold = 10,
		.permanent = {permanent, permanent, 0, 0},
		.statistics = {{0}, {40, 300, 1}, {2, 7, 0}},
		.garbage = 0x4242,
	};
}

static void test_numbers_of_the_incremental_one(void **unused)
{
	struct collector_lists lists;
	struct look_gc gc;
	struct made made;

	(void)unused;
	make(&made, 0x030e02f0);
	collector_read(&made.interpreter, &gc, &lists);
	assert_true(gc.known && gc.enabled && gc.is_incremental && !gc.has_frozen);
	assert_int_equal(gc.generations[0].threshold, 2000);
	assert_int_equal(gc.generations[1].collections, 40);
	assert_int_equal(gc.generations[1].uncollectable, 1);
	assert_int_equal(lists.garbage, 0x4242);
	assert_int_equal(collector_full_collections(&made.interpreter), 2); /* by gc.collect() */
}

static bool ended(struct made *made, int32_t space, int32_t phase)
{
	const struct collector_cycle before = collector_cycle_read(&made->interpreter);

	made->state->visited_space = space;
	made->state->phase = phase;
	const struct collector_cycle now = collector_cycle_read(&made->interpreter);
	assert_true(before.known && now.known);
	return collector_cycle_ended(&before, &now);
}

static void test_ends_of_cycles(void **unused)
{
	struct made made;

	(void)unused;
	make(&made, 0x030e00f0);
	assert_false(ended(&made, 0, 0)); /* nothing happened */
	assert_false(ended(&made, 0, 1)); /* it marked, and collects */
	assert_false(ended(&made, 0, 1));
	assert_true(ended(&made, 1, 0)); /* at the end the spaces change */
	assert_true(ended(&made, 0, 1)); /* the next one is under way already */
	assert_true(ended(&made, 0, 0)); /* with frozen objects they do not */
	assert_false(ended(&made, 0, 1));
}

static void test_others_have_no_cycles(void **unused)
{
	static const uint32_t versions[] = {0x030e05f0, 0x030d05f0, 0x030b02f0};
	struct collector_cycle cycle;
	struct made made;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		make(&made, versions[i]);
		cycle = collector_cycle_read(&made.interpreter);
		assert_false(cycle.known || collector_cycle_ended(&cycle, &cycle));
	}
	make(&made, 0x030e04f0);
	assert_true(collector_cycle_read(&made.interpreter).known);
	made.state->visited_space = 2; /* hostile, or not what it should be */
	assert_false(collector_cycle_read(&made.interpreter).known);
	made.state->visited_space = 1;
	made.state->phase = -1;
	assert_false(collector_cycle_read(&made.interpreter).known);
	made.interpreter.layout.interpreter_gc = BYTES;
	assert_false(collector_cycle_read(&made.interpreter).known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_of_the_incremental_one),
		cmocka_unit_test(test_ends_of_cycles),
		cmocka_unit_test(test_others_have_no_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
