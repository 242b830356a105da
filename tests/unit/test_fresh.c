/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a made-up interpreter (object_space.h) that changes while it is copied: what seems to be
 * torn is read again, and what only seems so is not told as lost. */
#include "object_fixture.h"

#include "python/objects/unreferenced.h"

enum { ENTRIES = 100, LOST = 3, LATE_MAX = 2, IN_BETWEEN = 200 };

/* Words that are others when they are read first. */
static struct late {
	uint64_t start, bytes;
	const uint64_t *before; /* NULL: zeroes */
	bool came;
} lates[LATE_MAX];

static ssize_t late_read(const struct page_source *source, uint64_t address, void *buffer,
			 size_t size)
{
	ssize_t got = space_read(source, address, buffer, size);

	for (size_t i = 0; i < LATE_MAX && got >= 0; i++) {
		struct late *late = &lates[i];

		if (late->came || late->start < address ||
		    late->start + late->bytes > address + (uint64_t)got)
			continue;
		uint8_t *words = (uint8_t *)buffer + (late->start - address);
		if (late->before)
			memcpy(words, late->before, late->bytes);
		else
			memset(words, 0, late->bytes);
		late->came = true;
	}
	return got;
}

/* At what `lates` says. */
static void look_at_lates(struct fixture *fixture)
{
	const struct page_source source = {late_read, space_pagemap, fixture->space, -1, -1};

	view_free(fixture->objects.view);
	fixture->objects.view = view_new_of(&source, &fixture->objects.regions, 48 << 20);
	fixture->objects.reader.view = fixture->objects.view;
	look(fixture);
	for (size_t i = 0; i < LATE_MAX; i++)
		assert_true(!lates[i].start || lates[i].came);
}

static void look_late(struct fixture *fixture, uint64_t start, uint64_t bytes)
{
	lates[0] = (struct late){.start = start, .bytes = bytes};
	lates[1] = (struct late){0};
	look_at_lates(fixture);
}

/* Items that were moved to where nothing was yet. */
static void test_items_that_moved(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, ENTRIES), items = space_get(space, list + LIST_ITEMS);
	uint64_t last = space_list(space, 2);

	space_put(space, items + 8 * (ENTRIES - 1), last);
	space_dict_add(space, space->main, "OTHER", list);
	look_late(fixture, items, 8 * ENTRIES);
	assert_string_equal(name_of(fixture, last, NAME_GENERIC), "main.OTHER[*]");
}

/* A table that took the place of a smaller one. */
static void test_table_that_is_new(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t dict = space_dict(space), kept = space_list(space, 2);

	space_dict_add(space, dict, "key", kept);
	space_dict_add(space, space->main, "OTHER", dict);
	look_late(fixture, space_get(space, dict + DICT_KEYS), 64);
	assert_string_equal(name_of(fixture, kept, 0), "main.OTHER[*]");
}

/* What holds it was copied before it was there. */
static void test_attribute_that_is_new(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t slot = space_get(space, space->plain - 32), list = space_list(space, 3);

	space_put(space, slot, list);
	look_late(fixture, list - GC_HEAD_BYTES, GC_HEAD_BYTES + LIST_BYTES);
	assert_string_equal(name_of(fixture, list, 0), "main.PLAIN.rows");
}

/* A list that had other entries when it was copied, one of them gone by then, and has now one in
 * the place of another list, whose copy still leads to what that one had. */
static void test_what_is_new_takes_the_place(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, 2), items = space_get(space, list + LIST_ITEMS);
	uint64_t gone = space_block(space, 64), old = space_list(space, 1);
	uint64_t left = space_list(space, 1), kept = space_list(space, 1);

	for (size_t i = 0; i < IN_BETWEEN; i++) /* for it to lie in another page */
		space_list(space, 0);
	uint64_t now = space_list(space, 1), its_items = space_get(space, now + LIST_ITEMS);
	const uint64_t before[] = {old, gone}, its_before[] = {space_block(space, 16)};
	space_put(space, its_before[0], left);
	space_put(space, its_items, kept);
	space_put(space, items, now);
	space_put(space, items + 8, now);
	space_dict_add(space, space->main, "OTHER", list);
	lates[0] = (struct late){.start = items, .bytes = 16, .before = before};
	lates[1] = (struct late){.start = now + LIST_ITEMS, .bytes = 8, .before = its_before};
	look_at_lates(fixture);
	assert_string_equal(name_of(fixture, now, NAME_GENERIC), "main.OTHER[*]");
	assert_string_equal(name_of(fixture, kept, NAME_GENERIC), "main.OTHER[*][*]");
	assert_string_equal(name_of(fixture, old, 0), "");
	assert_string_equal(name_of(fixture, left, 0), "");
}

/* A list that is replaced all the time: where one was there is a list of a function's by then. */
static void test_what_is_replaced_all_the_time(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t first = space_list(space, 1), freed = space_list(space, 1);
	uint64_t left = space_list(space, 1), kept = space_list(space, 1);
	uint64_t slot = space_get(space, space->plain - 32);

	for (size_t i = 0; i < IN_BETWEEN; i++)
		space_list(space, 0);
	uint64_t now = space_list(space, 1);
	const uint64_t before[] = {freed};
	space_put(space, space_get(space, freed + LIST_ITEMS), left);
	space_put(space, space_get(space, now + LIST_ITEMS), kept);
	space_put(space, slot, first);
	look(fixture);
	space_put(space, slot, now);
	lates[0] = (struct late){.start = slot, .bytes = 8, .before = before};
	lates[1] = (struct late){0};
	look_at_lates(fixture);
	assert_string_equal(name_of(fixture, now, 0), "main.PLAIN.rows");
	assert_string_equal(name_of(fixture, kept, NAME_GENERIC), "main.PLAIN.rows[*]");
	assert_string_equal(name_of(fixture, left, 0), "");
}

/* Where an entry of a cache was there are other things soon. */
static void test_entry_that_was_dropped(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t entry = space_object(space, SPACE_CACHE_ENTRY, 56);
	uint64_t raw = space_block(space, 64), list = space_list(space, 2);

	space_put(space, raw + 16, list);
	space_put(space, entry + CACHE_ENTRY_RESULT, raw);
	space_dict_add(space, space_get(space, space->cache + CACHE_DICT), "b", entry);
	look(fixture);
	assert_string_equal(name_of(fixture, entry, 0), "main.CACHE[*]");
	assert_string_equal(name_of(fixture, list, 0), "");
}

/* What lies beside a list that is read again, and is another object by then: what that refers to
 * is not held by what held the one that it was. */
static void test_another_object_beside(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, 6), items = space_get(space, list + LIST_ITEMS);
	uint64_t entry = space_object(space, SPACE_CACHE_ENTRY, 56), other = space_list(space, 2);
	const uint64_t before[] = {space_type(SPACE_CACHE_ENTRY)};

	assert_true(entry > items && entry + 64 < items + POOL_BLOCK_BYTES_MAX);
	space_put(space, entry + OBJECT_TYPE, space_type(SPACE_CELL));
	space_put(space, entry + CACHE_ENTRY_RESULT, other);
	space_dict_add(space, space->main, "LIST", list);
	space_dict_add(space, space->main, "ENTRY", entry);
	lates[0] = (struct late){.start = items, .bytes = 8 * 6};
	lates[1] = (struct late){.start = entry + OBJECT_TYPE, .bytes = 8, .before = before};
	look_at_lates(fixture);
	assert_string_equal(name_of(fixture, space_get(space, items), 0), "main.LIST[0]");
	assert_string_equal(name_of(fixture, other, 0), "");
}

static uint64_t sum_lost(const struct fixture *fixture, uint32_t type)
{
	return fixture->objects.garbage.sums[type].lost[1];
}

/* A word anywhere refers to it, though no object that was reached has that: C code, or a list of
 * which the graph saw a torn copy. */
static void test_what_is_referred_to_is_not_lost(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lost[LOST], raw = space_large(space, 64);

	for (size_t i = 0; i < LOST; i++)
		lost[i] = space_str(space, "lost");
	look(fixture);
	look(fixture);
	uint32_t type = graph_type(&fixture->objects.graph,
				   graph_find(&fixture->objects.graph, lost[0], false));
	uint64_t before = sum_lost(fixture, type);
	assert_true(before >= LOST);
	objects_drop_referred(&fixture->objects);
	uint64_t surely = sum_lost(fixture, type);
	assert_true(surely >= LOST);
	assert_int_equal(fixture->objects.garbage.sums[type].stayed[1], surely);

	space_put(space, raw, lost[0]);
	space_put(space, raw + 16, lost[2] | 1);
	assert_int_equal(objects_look(&fixture->objects, false), 0);
	objects_drop_referred(&fixture->objects);
	assert_int_equal(sum_lost(fixture, type), surely - 2);
	assert_int_equal(fixture->objects.garbage.sums[type].stayed[1], surely - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_items_that_moved),
		TEST(test_table_that_is_new),
		TEST(test_attribute_that_is_new),
		TEST(test_what_is_new_takes_the_place),
		TEST(test_what_is_replaced_all_the_time),
		TEST(test_entry_that_was_dropped),
		TEST(test_another_object_beside),
		TEST(test_what_is_referred_to_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
