/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a made-up interpreter (object_space.h): what nothing refers
 * to, and what only seems so. */
#include "object_fixture.h"

#include "python/objects/unreferenced.h"

/* What is new at a look may have been seen without what refers to it: it is held where it is so at
 * the next look too. What was there at the first one is taken as it is. */
static void test_held_at_two_looks(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct garbage *garbage = &fixture->objects.garbage;
	uint64_t before = space_plain(space, 0), lists, plains, late, bytes;

	look(fixture);
	uint32_t plain = graph_type(&fixture->objects.graph,
				    graph_find(&fixture->objects.graph, before, false));
	plains = garbage->sums[plain].held[1];
	assert_true(plains > 0);
	late = space_list(space, 0);
	look(fixture);
	uint32_t list = graph_type(&fixture->objects.graph,
				   graph_find(&fixture->objects.graph, late, false));
	lists = garbage->sums[list].held[1];
	bytes = garbage->sums[list].held_bytes[1];
	assert_int_equal(garbage->sums[plain].held[1], plains);
	look(fixture);
	assert_int_equal(garbage->sums[list].held[1], lists + 1);
	assert_int_equal(garbage->sums[list].held_bytes[1] - bytes,
			 graph_node_bytes(&fixture->objects.graph,
					  graph_find(&fixture->objects.graph, late, false)));
}

/* A str that nothing refers to stays, and another one comes, and has its place taken by a third.
 * What a list holds that is lost itself counts with the list. */
static void test_lost_is_what_nothing_refers_to(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct garbage *garbage = &fixture->objects.garbage;
	uint64_t first = space_str(space, "lost one"), before;

	look(fixture);
	uint32_t type = graph_type(&fixture->objects.graph,
				   graph_find(&fixture->objects.graph, first, false));
	const struct garbage_sum *sum = &garbage->sums[type];
	before = sum->lost[1];
	assert_true(before > 0);
	uint64_t second = space_str(space, "lost two"), held = space_list(space, 1);
	space_put(space, space_get(space, held + LIST_ITEMS), space_str(space, "kept"));
	look(fixture);
	assert_int_equal(sum->stayed[0], before);
	assert_int_equal(sum->lost[1], before + 1);
	assert_int_equal(objects_look(&fixture->objects, false), 0);
	objects_recheck_lost(&fixture->objects);
	assert_int_equal(sum->stayed[1], before + 1);
	space_put(space, second + 24, 12345); /* its hash */
	objects_look(&fixture->objects, false);
	objects_recheck_lost(&fixture->objects);
	assert_int_equal(sum->stayed[1], before);
	look(fixture);
	assert_int_equal(sum->stayed[1], before);
	assert_int_equal(sum->lost[1], before + 1);
}

/* A page that the process touches only after all that is there was copied. */
static uint64_t late_page;

static ssize_t late_pagemap(const struct page_source *source, uint64_t address, uint64_t *entries,
			    size_t size)
{
	ssize_t got = space_pagemap(source, address, entries, size);

	if (size > sizeof(*entries) && late_page >= address &&
	    late_page < address + size / sizeof(*entries) * 4096)
		entries[(late_page - address) / 4096] = 0;
	return got;
}

/* Garbage refers to objects in the page; it is read on the way, because of a list behind it. */
static void test_garbage_whose_page_comes_late(void **state)
{
	enum { TUPLES = 40 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	const struct page_source source = {space_read, late_pagemap, space, -1, -1};
	uint64_t garbage = space_list(space, TUPLES + 1), behind = space_list(space, 1);
	uint64_t items = space_get(space, garbage + LIST_ITEMS);

	late_page = (space_large(space, 2 * 4096) + 4095) & ~UINT64_C(4095);
	space_put(space, items, garbage);
	for (uint64_t i = 0; i < TUPLES; i++) {
		uint64_t tuple = late_page + 32 * i;

		space_put(space, tuple, 1);
		space_put(space, tuple + OBJECT_TYPE, space_type(SPACE_TUPLE));
		space_put(space, items + 8 * (i + 1), tuple);
	}
	space_put(space, behind + LIST_ITEMS, late_page + 2048);
	view_free(fixture->objects.view);
	fixture->objects.view = view_new_of(&source, &fixture->objects.regions, 48 << 20);
	fixture->objects.reader.view = fixture->objects.view;
	look(fixture);
	assert_true(fixture->objects.has_garbage);
	assert_int_equal(fixture->objects.garbage.count, 1);
	assert_int_equal(fixture->objects.garbage.object_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lost_is_what_nothing_refers_to),
		TEST(test_garbage_whose_page_comes_late),
		TEST(test_held_at_two_looks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
