/* SPDX-License-Identifier: BSD-2-Clause */
/* Which patterns are of one tree, and how many objects it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "python/objects/trees.h"

enum { NODE = 1, INDEX, LISTS, TYPES };

struct given {
	struct patterns patterns;
	struct pattern items[16];
	struct python_type types[TYPES];
	struct python_object_types all;
	struct trees trees;
};

static void begin(struct given *given)
{
	*given = (struct given){
		.patterns = {.items = given->items, .count = 1, .looks = 3},
		.types = {[NODE] = {.kind = KIND_PLAIN, .flags = TYPE_HEAP},
			  [LISTS] = {.kind = KIND_LIST}},
		.all = {.items = given->types, .count = TYPES},
	};
}

static uint32_t add(struct given *given, uint32_t parent, uint32_t like, enum label_kind label,
		    uint32_t type, uint32_t first, uint32_t last)
{
	given->items[given->patterns.count] = (struct pattern){
		.parent = parent,
		.like = like,
		.label = label_make(label, 1),
		.type = type,
		.counts = {first, (first + last) / 2, last},
		.sampled = 8,
		.stayed = 8,
	};
	return (uint32_t)given->patterns.count++;
}

static struct pattern sum_of(struct given *given, uint32_t number)
{
	assert_int_equal(trees_find(&given->trees, &given->patterns, &given->all), 0);
	assert_int_not_equal(given->trees.heads[number], 0);
	return trees_sum(&given->trees, &given->patterns, given->trees.heads[number]);
}

static void test_a_tree_is_one(void **state)
{
	struct given given;

	(void)state;
	begin(&given);
	uint32_t index = add(&given, 0, 0, LABEL_NAME, INDEX, 1, 1);
	uint32_t root = add(&given, index, 0, LABEL_NAME, NODE, 1, 1);
	uint32_t left = add(&given, root, root, LABEL_NAME, NODE, 40, 90);
	add(&given, left, left, LABEL_NAME, NODE, 20, 60);
	uint32_t right = add(&given, root, root, LABEL_NAME, NODE, 30, 50);
	struct pattern sum = sum_of(&given, right);

	assert_int_equal(given.trees.heads[right], root);
	assert_int_equal(given.trees.heads[left], root);
	assert_int_equal(given.trees.heads[index], 0);
	assert_int_equal(sum.counts[0], 91);
	assert_int_equal(sum.counts[2], 201);
	assert_true(pattern_grew(&given.patterns, &sum));
	sum.stayed = 3; /* of 24 that were looked at again */
	assert_false(pattern_grew(&given.patterns, &sum));
	sum.stayed = sum.sampled = 0;
	assert_false(pattern_grew(&given.patterns, &sum));
	trees_release(&given.trees);
}

/* A variable for where one was last leads to another node each time. */
static void add_wandering(struct given *given, uint16_t stayed, enum label_kind root)
{
	uint32_t tree = add(given, 0, 0, LABEL_NAME, NODE, 1, 1);
	uint32_t children = add(given, tree, 0, LABEL_NAME, LISTS, 30, 40);
	uint32_t last = add(given, 0, 0, root, NODE, 1, 1);

	add(given, children, tree, LABEL_ITEM, NODE, 60, 30);
	add(given, last, last, LABEL_NAME, NODE, 40, 170);
	given->items[last].stayed = stayed;
}

static void test_what_a_way_that_wanders_finds_is_of_what_stays(void **state)
{
	struct given given;

	(void)state;
	begin(&given);
	add_wandering(&given, 2, LABEL_NAME);
	struct pattern sum = sum_of(&given, 5);
	assert_int_equal(given.trees.heads[5], 1);
	assert_int_equal(sum.counts[0], 102);
	assert_int_equal(sum.counts[2], 202);
	trees_release(&given.trees);
}

/* Nor is a chain a tree, which a head that stays leads to, nor one that
 * a running function holds. */
static void test_others_are_by_themselves(void **state)
{
	struct given given;

	(void)state;
	begin(&given);
	add_wandering(&given, 8, LABEL_NAME);
	assert_int_equal(sum_of(&given, 4).counts[2], 31);
	assert_int_equal(given.trees.heads[5], 0);
	trees_release(&given.trees);
	begin(&given);
	add_wandering(&given, 2, LABEL_ROOT);
	assert_int_equal(sum_of(&given, 4).counts[2], 31);
	assert_int_not_equal(given.trees.heads[5], 1);
	trees_release(&given.trees);
}

/* Tuples in tuples are many things: two that grow alike have nothing to do with each other. */
static void test_dictionaries_in_dictionaries(void **state)
{
	struct given given;

	(void)state;
	begin(&given);
	uint32_t order = add(&given, 0, 0, LABEL_NAME, LISTS, 1, 1);
	uint32_t flat = add(&given, order, order, LABEL_ITEM, LISTS, 3, 6);
	uint32_t trie = add(&given, 0, 0, LABEL_NAME, LISTS, 1, 1);
	uint32_t inner = add(&given, trie, trie, LABEL_ITEM, LISTS, 20, 50);

	given.items[inner].folds = true;
	given.items[trie].stayed = 1;
	assert_int_equal(sum_of(&given, inner).counts[2], 51);
	assert_int_equal(given.trees.heads[inner], trie);
	assert_int_equal(given.trees.heads[flat], 0);
	assert_true(trees_hold_nodes(&given.trees, &given.patterns, inner, trie));
	assert_true(trees_hold_nodes(&given.trees, &given.patterns, trie, trie));
	assert_false(trees_hold_nodes(&given.trees, &given.patterns, order, trie));
	assert_false(trees_hold_nodes(&given.trees, &given.patterns, flat, trie));
	trees_release(&given.trees);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tree_is_one),
		cmocka_unit_test(test_what_a_way_that_wanders_finds_is_of_what_stays),
		cmocka_unit_test(test_others_are_by_themselves),
		cmocka_unit_test(test_dictionaries_in_dictionaries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
