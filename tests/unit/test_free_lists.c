/* SPDX-License-Identifier: BSD-2-Clause */
/* Which objects may have come off a free list, by version of CPython; and what stacks hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "python/objects/free_lists.h"
#include "profile/snapshot_merge.h"
#include "snapshots.h"

static struct python_structs structs_of(unsigned int minor)
{
	struct python_layout layout = {.version = 3u << 24 | minor << 16};
	struct python_structs structs;

	assert_int_equal(python_structs_for(&layout, &structs), 0);
	return structs;
}

static bool have(unsigned int minor, char *name, uint64_t flags, enum object_kind kind,
		 uint64_t size)
{
	const struct python_structs structs = structs_of(minor);
	const struct python_type type = {.name = name, .flags = flags, .kind = (uint8_t)kind};
	uint64_t object[16] = {1, 0, size};

	return free_lists_have(&structs, &type, (const uint8_t *)object, sizeof(object));
}

static void test_types_by_version(void **state)
{
	(void)state;
	for (unsigned int minor = 8; minor <= 14; minor++) {
		assert_true(have(minor, "dict", 0, KIND_DICT, 0));
		assert_true(have(minor, "float", 0, KIND_PLAIN, 0));
		assert_true(have(minor, "tuple", 0, KIND_TUPLE, 19));
		assert_true(have(minor, "tuple", 0, KIND_TUPLE, 20) == (minor > 10));
		assert_false(have(minor, "tuple", 0, KIND_TUPLE, 21));
		assert_false(have(minor, "str", 0, KIND_STR, 0));
		assert_false(have(minor, "set", 0, KIND_SET, 0));
		assert_true(have(minor, "method", 0, KIND_METHOD, 0) ==
			    (minor == 8 || minor == 14));
		assert_true(have(minor, "frame", 0, KIND_FRAME, 0) == (minor <= 10));
		assert_true(have(minor, "range", 0, KIND_PLAIN, 0) == (minor == 14));
	}
}

static void test_types_of_people_have_none(void **state)
{
	(void)state;
	assert_false(have(11, "dict", TYPE_HEAP, KIND_DICT, 0));
	assert_false(have(11, "shop.dict", TYPE_HEAP, KIND_DICT, 0));
	assert_true(have(13, "_asyncio.FutureIter", TYPE_HEAP, KIND_PLAIN, 0));
}

static void test_large_ints_have_none(void **state)
{
	const struct python_structs structs = structs_of(14);
	const struct python_type type = {.name = "int", .kind = KIND_INT};
	const uint8_t object[64] = {1};

	(void)state;
	assert_true(free_lists_have(&structs, &type, object, 32));
	assert_false(free_lists_have(&structs, &type, object, 48));
	assert_false(have(13, "int", 0, KIND_INT, 0));
}

/* The table of a dictionary of three entries, as 3.11 lays it out, and 3.10. */
static void test_small_tables(void **state)
{
	const struct python_structs newer = structs_of(11), older = structs_of(10);
	uint64_t keys[16] = {1, 3 | 3 << 8 | 1 << 16, 2, 3};
	uint64_t older_keys[24] = {1, 8, 0x401000, 2, 3};

	(void)state;
	assert_true(free_lists_have_keys(&newer, (const uint8_t *)keys, 120));
	assert_true(free_lists_have_keys(&older, (const uint8_t *)older_keys, 168));
	assert_true(free_lists_have_keys(&newer, (const uint8_t *)keys, 112));
	assert_true(free_lists_have_keys(&newer, (const uint8_t *)keys, 192));
	assert_false(free_lists_have_keys(&newer, (const uint8_t *)keys, 193));
	assert_false(free_lists_have_keys(&newer, (const uint8_t *)keys, 96));
	assert_false(free_lists_have_keys(&newer, (const uint8_t *)older_keys, 168));
	keys[3] = 4;
	assert_false(free_lists_have_keys(&newer, (const uint8_t *)keys, 120));
	keys[2] = UINT64_MAX;
	keys[3] = 6;
	assert_true(free_lists_have_keys(&newer, (const uint8_t *)keys, 120)); /* sums wrap */
	keys[0] = 2;
	assert_false(free_lists_have_keys(&newer, (const uint8_t *)keys, 120));
}

static void test_equal_stacks_add_up(void **state)
{
	struct snapshot *parts[] = {objects_snapshot(), objects_snapshot()};
	struct snapshot *sum = snapshot_merge(parts, 2);

	(void)state;
	assert_int_equal(sum->stacks[3].objects->known.blocks, 20);
	assert_int_equal(sum->stacks[3].objects->reused.blocks, 16);
	assert_int_equal(sum->stacks[3].objects->type_count, 4);
	assert_string_equal(sum->stacks[3].objects->types[0].name, "dict");
	assert_int_equal(sum->stacks[3].objects->types[0].held.bytes, 6000);
	assert_true(stack_reused_share(&sum->stacks[3]) == 0.8);
	assert_true(stack_reused_share(&sum->stacks[0]) < 0);
	assert_true(stack_reused_share(&sum->stacks[1]) < 0);
	snapshot_free(sum);
	snapshot_free(parts[0]);
	snapshot_free(parts[1]);
}

static void test_smallest_types_go(void **state)
{
	struct stack_type many[2 * STACK_TYPES_MAX];
	struct stack_objects objects = {.types = many, .type_count = 2 * STACK_TYPES_MAX};
	struct snapshot *snapshot = snapshot_new();
	struct stack *stack = snapshot_add_stack(snapshot);
	char names[2 * STACK_TYPES_MAX][32];

	(void)state;
	for (size_t i = 0; i < objects.type_count; i++) {
		snprintf(names[i], sizeof(names[i]), "type%zu", i);
		many[i] = (struct stack_type){names[i], {i + 1, 1}};
	}
	snapshot_add_objects(snapshot, stack, &objects);
	assert_int_equal(stack->objects->type_count, STACK_TYPES_MAX);
	assert_string_equal(stack->objects->types[0].name, "type15");
	assert_string_equal(stack->objects->types[STACK_TYPES_MAX - 1].name, "type8");
	snapshot_free(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_by_version),
		cmocka_unit_test(test_types_of_people_have_none),
		cmocka_unit_test(test_large_ints_have_none),
		cmocka_unit_test(test_small_tables),
		cmocka_unit_test(test_equal_stacks_add_up),
		cmocka_unit_test(test_smallest_types_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
