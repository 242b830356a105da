/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that are replaced by longer ones in a made-up interpreter (object_space.h). */
#include "subject_fixture.h"
#include "python/objects/growth.h"
#include "python/objects/words.h"
#include "service/replaced.h"

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

/* A list of few entries has them in a block of a pool, which is an object of its own to who reads
 * memory: told is the list. */
static void test_list_of_few(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	const struct graph *graph = &fixture->objects.graph;
	struct variable rows = make_variable(space, "ROWS");

	for (size_t i = 0; i < 6; i++) {
		rows.address = space_list(space, 20 + 8 * i);
		space_put(space, rows.slot, rows.address);
		look(fixture);
	}
	size_t count;
	struct grown *grown = objects_grown(&fixture->objects, &count);
	assert_int_equal(count, 1);
	assert_true(grown[0].value && grown[0].sure);
	assert_int_equal(graph_address(graph, grown[0].node), rows.address);
	assert_string_equal(fixture->objects.types.items[graph_type(graph, grown[0].node)].name,
			    "list");
	assert_int_equal(grown[0].slot, rows.slot);
	free(grown);
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

/* --- between looks --- */

static struct subject *find(const struct subjects *subjects, const char *key)
{
	for (size_t i = 0; i < subjects->count; i++)
		if (subjects->items[i].key && !strcmp(subjects->items[i].key, key))
			return &subjects->items[i];
	return NULL;
}

static bool is_finding(const struct subjects *subjects, const struct subject *subject)
{
	struct series used = {0};
	struct finding finding;

	return subject_finding(subject, 1000, &used, subjects->zone, &finding);
}

static void test_polled(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct variable text = make_variable(space, "TEXT");
	struct variable status = make_variable(space, "STATUS");
	struct subjects subjects;

	subjects_init(&subjects);
	for (size_t i = 0; i < 2; i++) {
		put(space, &text, 500 + 300 * i);
		put(space, &status, 500 + 300 * i);
		look_and_update(fixture, &subjects, 2);
	}
	struct subject *long_one = find(&subjects, "str main.TEXT");
	struct subject *any = find(&subjects, "str main.STATUS");
	assert_non_null(long_one);
	assert_non_null(any);
	assert_int_equal(long_one->word_count, 1);
	assert_int_equal(long_one->words[0].address, text.slot);
	for (size_t i = 0; i < 12; i++) {
		put(space, &text, 1000 + 100 * i);
		put(space, &status, 1000 + 100 * (i % 7));
		subjects_poll(&subjects, &fixture->interpreter.memory, (double)i);
		assert_int_equal(replaced_is_doubtful(long_one), i < 4);
		assert_int_equal(replaced_is_doubtful(any), i < 4 || i > 6);
	}
	assert_true(is_finding(&subjects, long_one));
	assert_false(is_finding(&subjects, any));
	/* about as long as its characters: a str of ASCII */
	assert_true(long_one->samples[long_one->sample_count - 1].length >= 2100);
	assert_true(long_one->samples[long_one->sample_count - 1].length < 2400);
	subjects_release(&subjects);
}

/* Where the word refers to something else, or nothing, that says nothing of the value. */
static void test_polled_while_it_is_away(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct variable text = make_variable(space, "TEXT");
	const struct memory *memory = &fixture->interpreter.memory;
	struct subjects subjects;

	subjects_init(&subjects);
	for (size_t i = 0; i < 2; i++) {
		put(space, &text, 500 + 300 * i);
		look_and_update(fixture, &subjects, 2);
	}
	struct subject *subject = find(&subjects, "str main.TEXT");
	assert_non_null(subject);
	subjects_poll(&subjects, memory, 1);
	assert_int_equal(subject->sample_count, 1);
	space_put(space, text.slot, 0);
	subjects_poll(&subjects, memory, 2);
	space_put(space, text.slot, space_list(space, 1));
	subjects_poll(&subjects, memory, 3);
	assert_int_equal(subject->sample_count, 1);
	assert_false(subject->value.fell);
	put(space, &text, 900);
	subjects_poll(&subjects, memory, 4);
	assert_int_equal(subject->sample_count, 2);
	put(space, &text, 100);
	subjects_poll(&subjects, memory, 5);
	assert_true(subject->value.fell);
	subjects_release(&subjects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replaced_by_longer_ones),
		TEST(test_list_of_few),
		TEST(test_one_that_is_not_there_any_more),
		TEST(test_an_entry),
		TEST(test_polled),
		TEST(test_polled_while_it_is_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
