/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are replaced by longer ones in a made-up interpreter (object_space.h). */
#include "object_fixture.h"
#include "python/objects/growth.h"
#include "python/objects/words.h"

enum { LENGTH_MAX = 4000 };

/* A global variable of a str. */
struct variable {
	uint64_t slot;
	uint64_t address; /* of the one that is there */
};

static uint64_t str_of(struct object_space *space, size_t length)
{
	char text[LENGTH_MAX + 1];

	memset(text, 'a', length);
	text[length] = '\0';
	return space_str(space, text);
}

static struct variable make_variable(struct object_space *space, const char *name)
{
	uint64_t keys = space_get(space, space->main + DICT_KEYS);
	size_t entry = space_get(space, keys + 24);
	struct variable variable = {.address = str_of(space, 1)};

	space_dict_add(space, space->main, name, variable.address);
	variable.slot = space_dict_place(space, space->main, entry);
	return variable;
}

static void put(struct object_space *space, struct variable *variable, size_t length)
{
	variable->address = str_of(space, length);
	space_put(space, variable->slot, variable->address);
}

/* Of those that are reported: `sure`. */
static bool is_told(struct fixture *fixture, const char *name, bool sure)
{
	struct objects *objects = &fixture->objects;
	struct grown *grown;
	bool found = false;
	size_t count;

	grown = objects_grown(objects, &count);
	for (size_t i = 0; i < count; i++) {
		char text[OBJECT_NAME_BYTES];

		if (grown[i].value && grown[i].sure >= sure &&
		    name_of_node(&objects->graph, grown[i].node, 0, text))
			found |= !strcmp(text, name);
	}
	free(grown);
	return found;
}

static void test_replaced_by_longer_ones(void **state)
{
	static const size_t any[] = {900, 300, 2000, 100, 3000, 700};
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct variable text = make_variable(space, "TEXT");
	struct variable status = make_variable(space, "STATUS");
	struct variable number = make_variable(space, "NUMBER");
	struct variable first = make_variable(space, "LATE");

	for (size_t i = 0; i < 6; i++) {
		put(space, &text, 500 + 300 * i);
		put(space, &status, any[i]);
		put(space, &number, 10 + i);                       /* too little to tell */
		put(space, &first, i < 4 ? 1000 : 2000 * (i - 3)); /* twice is chance */
		look(fixture);
		assert_int_equal(is_told(fixture, "main.TEXT", true), i >= 4);
		assert_int_equal(is_told(fixture, "main.TEXT", false), i >= 1);
		if (i > 1)
			assert_false(is_told(fixture, "main.STATUS", false));
		assert_false(is_told(fixture, "main.NUMBER", false));
		assert_false(is_told(fixture, "main.LATE", true));
	}
	assert_int_equal(graph_slot(&fixture->objects.graph,
				    graph_find(&fixture->objects.graph, text.address, false)),
			 text.slot);
}

/* What stands in its place when it is looked at is something else: it is read again. */
static void test_one_that_is_not_there_any_more(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct variable text = make_variable(space, "TEXT");

	for (size_t i = 0; i < 8; i++) {
		put(space, &text, 500 + 300 * i);
		if (i == 4) /* gone, and nothing in its place that is one */
			space_put(space, text.slot, 0);
		look(fixture);
	}
	assert_true(is_told(fixture, "main.TEXT", true));
}

/* Of a dictionary whose entries stay: one becomes longer. */
static void test_an_entry(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t cache = space_dict(space);

	space_dict_add(space, space->main, "CACHE", cache);
	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "key %d", i);
		space_dict_add(space, cache, name, str_of(space, 40 + (size_t)i));
	}
	for (size_t i = 0; i < 6; i++) {
		space_put(space, space_dict_place(space, cache, 2), str_of(space, 500 + 300 * i));
		look(fixture);
	}
	size_t count;
	struct grown *grown = objects_grown(&fixture->objects, &count);
	assert_int_equal(count, 1);
	assert_true(grown[0].value && grown[0].sure);
	assert_int_equal(grown[0].alike, 5);
	assert_int_equal(grown[0].slot, space_dict_place(space, cache, 2));
	assert_true(grown[0].bytes >= 1500 && grown[0].bytes < 1600);
	struct word word;
	assert_int_equal(grown_words(&fixture->objects, &grown[0], &word, 1), 1);
	assert_int_equal(word.address, grown[0].slot);
	assert_int_equal(word.kind, WORD_SLOT);
	free(grown);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replaced_by_longer_ones),
		TEST(test_one_that_is_not_there_any_more),
		TEST(test_an_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
