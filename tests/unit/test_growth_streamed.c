/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What grows in a made-up interpreter (object_space.h) that is looked at piece by piece: containers
 * that are seen to get longer, places where newcomers come in, chains by their heads; and what has
 * newcomers and does not grow.
 */
#include "object_fixture.h"
#include "python/objects/growth.h"

enum {
	STREAMED_BYTES = 512 << 10,
	LOOKS = 5,
	OLD = 2,          /* entries of each list at first */
	EVERY = 12,       /* new objects before each look but the first */
	SMALL = 36,       /* lists */
	PLAIN_BYTES = 48, /* an instance with its headers */
};

static void look_streamed(struct fixture *fixture)
{
	fixture->objects.budget_bytes = STREAMED_BYTES;
	fixture->objects.streamed = true;
	assert_int_equal(objects_look(&fixture->objects, true), 0);
	assert_true(fixture->objects.streamed);
}

static struct look *report(struct fixture *fixture)
{
	struct look *look = look_new();

	assert_int_equal(objects_find_chains(&fixture->objects), 0);
	objects_report_growth(&fixture->objects, look);
	assert_int_equal(look->growth->looks, fixture->objects.looks);
	return look;
}

static void append(struct object_space *space, uint64_t list, uint64_t item)
{
	uint64_t length = space_get(space, list + LIST_LENGTH);

	space_put(space, space_get(space, list + LIST_ITEMS) + 8 * length, item);
	space_put(space, list + LIST_LENGTH, length + 1);
	space_put(space, list + LIST_ALLOCATED, length + 2);
}

/* Of some ints, with room for more. */
static uint64_t roomy_list(struct object_space *space, size_t room)
{
	uint64_t list = space_list(space, 0), items = space_block(space, 8 * (OLD + room + 1));

	space_put(space, list + LIST_ITEMS, items);
	for (uint32_t i = 0; i < OLD; i++)
		append(space, list, space_int(space, 1000 + i));
	return list;
}

static uint64_t fresh(struct object_space *space)
{
	return space_another_plain(space, space_int(space, 7));
}

static void append_some(struct object_space *space, uint64_t list, size_t count)
{
	while (count--)
		append(space, list, fresh(space));
}

static void assert_row(const struct look_grown *row, const char *name, const char *type)
{
	assert_string_equal(row->name, name);
	assert_string_equal(row->type, type);
	assert_false(row->replaced || row->garbage);
}

static void test_a_list(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = roomy_list(space, LOOKS * EVERY);
	struct look *look;

	space_dict_add(space, space->main, "BIG", list);
	for (int i = 0; i < LOOKS; i++) {
		append_some(space, list, i ? EVERY : 0);
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	const struct look_grown *row = &look->growth->containers[0];
	assert_row(row, "main.BIG", "list");
	assert_int_equal(row->address, list);
	assert_int_equal(row->containers, 1);
	assert_int_equal(row->length, OLD + (LOOKS - 1) * EVERY);
	assert_int_equal(row->grown, (LOOKS - 1) * EVERY);
	/* with what each holds */
	assert_in_range(row->bytes, row->grown * PLAIN_BYTES, row->grown * 4 * PLAIN_BYTES);
	look_free(look);
}

/* Each grows; one name stands for them, and their sum. Another one beside them keeps its own. */
static void test_lists_alike(void **state)
{
	enum { LISTS = 4 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[LISTS], other = roomy_list(space, LOOKS * 2);
	const char *const names[LISTS] = {"a", "b", "c", "d"};
	struct look *look;

	space_dict_add(space, space->main, "OTHER", other);
	for (int i = 0; i < LISTS; i++) {
		lists[i] = roomy_list(space, LOOKS * 3);
		space_dict_add(space, space->dict, names[i], lists[i]);
	}
	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; j < LISTS; j++)
			append_some(space, lists[j], i ? 3 : 0);
		append_some(space, other, i ? 2 : 0);
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 2);
	const struct look_grown *rows = look->growth->containers;
	assert_row(&rows[0], "main.DICT[*]", "list"); /* most bytes first */
	assert_int_equal(rows[0].address, 0);
	assert_int_equal(rows[0].containers, LISTS);
	assert_int_equal(rows[0].grown, LISTS * 3 * (LOOKS - 1));
	assert_int_equal(rows[0].length, LISTS * (OLD + 3 * (LOOKS - 1)));
	assert_row(&rows[1], "main.OTHER", "list");
	assert_int_equal(rows[1].address, other);
	assert_int_equal(rows[1].containers, 1);
	assert_int_equal(rows[1].grown, 2 * (LOOKS - 1));
	assert_true(rows[0].bytes > 5 * rows[1].bytes);
	assert_true(rows[0].bytes < 7 * rows[1].bytes);
	look_free(look);
}

static void fill_small(struct object_space *space, uint64_t lists[SMALL])
{
	char name[8];

	for (int i = 0; i < SMALL; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		lists[i] = roomy_list(space, 1);
		space_dict_add(space, space->dict, name, lists[i]);
	}
}

enum { OF_A_LOOK = SMALL / (LOOKS - 1) };

/* Each gets one entry once: none of them is seen to grow, and newcomers come in there. */
static void look_while_small_ones_grow(struct fixture *fixture, uint64_t lists[SMALL])
{
	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; i && j < OF_A_LOOK; j++)
			append_some(fixture->space, lists[(i - 1) * OF_A_LOOK + j], 1);
		look_streamed(fixture);
	}
}

static void test_newcomers_in_many_places(void **state)
{
	struct fixture *fixture = *state;
	uint64_t lists[SMALL];
	struct look *look;

	fill_small(fixture->space, lists);
	look_while_small_ones_grow(fixture, lists);
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	const struct look_grown *row = &look->growth->containers[0];
	assert_row(row, "main.DICT[*]", "list");
	assert_string_equal(row->of, "Plain");
	assert_int_equal(row->containers, 2); /* many */
	/* those of the last look did not stay yet; some newcomers are taken for old */
	assert_in_range(row->grown, SMALL - OF_A_LOOK - 3, SMALL);
	assert_int_equal(row->length, row->grown);
	assert_in_range(row->bytes, row->grown * PLAIN_BYTES, row->grown * 2 * PLAIN_BYTES);
	look_free(look);
}

/* More of the type were there at the first look alone than come to stay, as those are
 * that wait for a collection. */
static void test_newcomers_beside_what_comes_and_goes(void **state)
{
	enum { GONE = 2 * SMALL };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[SMALL], gone[GONE];
	struct look *look;

	fill_small(space, lists);
	for (int i = 0; i < GONE; i++)
		gone[i] = fresh(space);
	look_streamed(fixture);
	for (int i = 0; i < GONE; i++)
		space_put(space, gone[i] + OBJECT_TYPE, 0);
	look_while_small_ones_grow(fixture, lists);
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	assert_row(&look->growth->containers[0], "main.DICT[*]", "list");
	assert_in_range(look->growth->containers[0].grown, SMALL - OF_A_LOOK - 3, SMALL);
	look_free(look);
}

/* Nodes get one below them, of which the first ones were there: trees are told by these. */
static void test_newcomers_in_trees(void **state)
{
	enum { EACH = 4 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t last[SMALL];
	struct look *look;
	char name[8];

	for (int i = 0; i < SMALL; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		last[i] = space_another_plain(space, fresh(space));
		space_dict_add(space, space->dict, name, last[i]);
	}
	for (int i = 0; i < LOOKS; i++) {
		for (int j = i - 1; i && j < SMALL; j += EACH) {
			uint64_t node = fresh(space);

			space_put(space, space_get(space, last[j] - 32), node);
			last[j] = node;
		}
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	assert_row(&look->growth->containers[0], "main.DICT[*]", "Plain");
	look_free(look);
}

/* As many go as come. */
static void test_an_exchange(void **state)
{
	enum { FULL = 48 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = roomy_list(space, FULL);
	uint64_t items = space_get(space, list + LIST_ITEMS);
	struct look *look;

	space_dict_add(space, space->main, "FULL", list);
	append_some(space, list, FULL);
	look_streamed(fixture);
	for (int i = 1; i < LOOKS; i++) {
		for (int j = 0; j < EVERY; j++)
			space_put(space, items + 8 * (OLD + (i - 1) * EVERY + j), fresh(space));
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 0);
	look_free(look);
}

/* A value that is replaced as a whole has newcomers of one age; one that is filled on grows. */
static void test_a_value_that_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct look *look;

	for (int i = 0; i < LOOKS; i++) {
		if (i == 1) {
			uint64_t list = roomy_list(space, 40);

			append_some(space, list, 40);
			space_put(space, space_get(space, space->plain - 32), list);
		}
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 0);
	look_free(look);
}

/* New links at the head, of which each holds the one before. */
static void test_a_chain(void **state)
{
	enum { LINKS = 20, ENTRY_OF_PLAIN = 2 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t head = fresh(space);
	struct look *look;

	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; j < LINKS; j++)
			head = space_another_plain(space, head);
		space_put(space, space_dict_place(space, space->main, ENTRY_OF_PLAIN), head);
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	const struct look_grown *row = &look->growth->containers[0];
	assert_row(row, "main.PLAIN", "Plain");
	assert_int_equal(row->containers, 1);
	assert_in_range(row->grown, LINKS * (LOOKS - 2) - 4, LINKS * (LOOKS - 1));
	assert_in_range(row->bytes, row->grown * PLAIN_BYTES, row->grown * 2 * PLAIN_BYTES);
	look_free(look);
}

/* A list that got longer has entries that get more themselves: one is told, not both. */
static void test_what_is_below_growth(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = roomy_list(space, LOOKS * EVERY);
	struct look *look;

	space_dict_add(space, space->main, "DEEP", list);
	for (int i = 0; i < LOOKS; i++) {
		for (int j = 0; i && j < EVERY; j++) {
			uint64_t inner = roomy_list(space, 2);

			append_some(space, inner, 2);
			append(space, list, inner);
		}
		look_streamed(fixture);
	}
	look = report(fixture);
	assert_int_equal(look->growth->container_count, 1);
	assert_row(&look->growth->containers[0], "main.DEEP", "list");
	assert_int_equal(look->growth->containers[0].grown, (LOOKS - 1) * EVERY);
	look_free(look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_list),
		TEST(test_lists_alike),
		TEST(test_newcomers_in_many_places),
		TEST(test_newcomers_beside_what_comes_and_goes),
		TEST(test_newcomers_in_trees),
		TEST(test_an_exchange),
		TEST(test_a_value_that_is_replaced),
		TEST(test_a_chain),
		TEST(test_what_is_below_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
