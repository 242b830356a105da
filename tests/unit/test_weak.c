/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a made-up interpreter (object_space.h): what holds others
 * weakly grows because these do. */
#include "object_fixture.h"
#include "python/objects/growth.h"

/* A list of weak references grows because what they refer to does, as long as that is there and
 * something else holds it. */
static void test_weak_references(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t weak = space_list(space, 8), items = space_get(space, weak + LIST_ITEMS);
	uint64_t held = space_get(space, space->list + LIST_ITEMS);
	uint64_t none = space_object(space, SPACE_NONE, 16), lost = space_list(space, 0);

	space_dict_add(space, space->main, "WEAK", weak);
	space_dict_add(space, space->main, "NONE", none);
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t reference = space_object(space, SPACE_WEAKREF, 64);

		space_put(space, reference + WEAKREF_OBJECT, space_get(space, held + 8 * i));
		space_put(space, items + 8 * i, reference);
	}
	look(fixture);
	const struct graph *graph = &fixture->objects.graph;
	assert_true(objects_hold_weakly(&fixture->objects, graph_find(graph, weak, false)));
	assert_false(objects_hold_weakly(&fixture->objects, graph_find(graph, space->list, false)));
	assert_false(objects_hold_weakly(&fixture->objects, 0));
	for (int own = 0; own < 2; own++) { /* a callback for all, as of a WeakSet; one for each */
		for (uint64_t i = 0; i < 8; i++)
			space_put(space, space_get(space, items + 8 * i) + WEAKREF_CALLBACK,
				  own ? space_list(space, 2) : none);
		look(fixture);
		assert_int_equal(
			objects_hold_weakly(&fixture->objects, graph_find(graph, weak, false)),
			!own);
	}
	for (int gone = 0; gone < 2; gone++) {
		for (uint64_t i = 0; i < 8; i++)
			space_put(space, space_get(space, items + 8 * i) + WEAKREF_OBJECT,
				  gone ? none : lost);
		look(fixture);
		assert_false(
			objects_hold_weakly(&fixture->objects, graph_find(graph, weak, false)));
	}
}

/* Nor because of garbage, which goes with the next collection: lists that hold themselves. Where
 * entries were taken out, as at first, there is something that is no object. */
static void test_weak_references_to_garbage(void **state)
{
	enum { ENTRIES = 8 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t weak = space_list(space, ENTRIES), items = space_get(space, weak + LIST_ITEMS);
	const struct graph *graph = &fixture->objects.graph;

	space_dict_add(space, space->main, "WEAK", weak);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t reference = space_object(space, SPACE_WEAKREF, 64);
		uint64_t garbage = space_list(space, 1);

		space_put(space, space_get(space, garbage + LIST_ITEMS), garbage);
		space_put(space, reference + WEAKREF_OBJECT, garbage);
		space_put(space, reference + WEAKREF_CALLBACK, space->kept);
		space_put(space, items + 8 * i, i > 2 ? reference : space_large(space, 64));
	}
	look(fixture);
	assert_true(objects_hold_weakly(&fixture->objects, graph_find(graph, weak, false)));
}

/* A class refers to its subclasses weakly: they become more because something else keeps them. */
static void test_subclasses(void **state)
{
	enum { LOOKS = 6, EACH = 4 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t class = space_type(SPACE_PLAIN), subclasses = space_dict(space);
	struct grown *grown;
	size_t count;

	space_dict_add(space, space->main, "CLASS", class);
	space_put(space, class + TYPE_SUBCLASSES, subclasses);
	for (size_t i = 0; i < LOOKS; i++) {
		for (size_t j = 0; j < EACH; j++)
			space_dict_add(space, subclasses, "n",
				       space_object(space, SPACE_WEAKREF, 64));
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	assert_int_equal(count, 0);
	free(grown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_weak_references),
		TEST(test_weak_references_to_garbage),
		TEST(test_subclasses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
