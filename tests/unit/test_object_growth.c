/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a made-up interpreter (object_space.h), one after another: what grows in it. */
#include "object_fixture.h"
#include "python/objects/growth.h"

static void grow_list(struct object_space *space, uint64_t list)
{
	space_put(space, list + LIST_LENGTH, space_get(space, list + LIST_LENGTH) + 1);
	space_put(space, list + LIST_ALLOCATED, space_get(space, list + LIST_ALLOCATED) + 1);
}

static bool grew(const struct fixture *fixture, uint64_t address)
{
	const struct containers *containers = &fixture->objects.containers;
	const struct container *container = containers_find(containers, address);

	return container && container_grew(containers, container, false);
}

static void test_growth_over_many_looks(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t up_and_down = space->rows;

	for (int i = 0; i < 3 * CONTAINER_LOOKS; i++) {
		if (i % 3 == 0)
			grow_list(space, space->list);
		space_put(space, up_and_down + LIST_LENGTH, i % 7 * 5 % 7);
		look(fixture);
		assert_true(fixture->objects.containers.looks <= CONTAINER_LOOKS);
		assert_true(fixture->objects.patterns.looks <= PATTERN_LOOKS);
	}
	assert_true(grew(fixture, space->list));
	assert_false(grew(fixture, up_and_down));
	assert_false(grew(fixture, space->kept));
}

static void test_growth_at_each_look(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;

	for (int i = 0; i < CONTAINER_LOOKS + 10; i++) {
		grow_list(space, space->list);
		look(fixture);
		if (i)
			assert_true(grew(fixture, space->list));
	}
}

/* Another list in the same place is another one: its first entry tells. */
static void test_reused_addresses(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;

	for (int i = 0; i < 6; i++) {
		uint64_t items = space_get(space, space->list + LIST_ITEMS);

		space_put(space, items, space_int(space, 5000));
		grow_list(space, space->list);
		look(fixture);
	}
	assert_false(grew(fixture, space->list));
}

/* Its items were moved while it was copied: where they lay there is something else. */
static void test_moved_while_it_is_read(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t items = space_get(space, space->list + LIST_ITEMS),
		 first = space_get(space, items);

	for (int i = 0; i < 6; i++) {
		grow_list(space, space->list);
		space_put(space, items, i == 3 ? items + 64 : first);
		look(fixture);
	}
	assert_true(grew(fixture, space->list));
}

static void test_missing_at_one_look(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint32_t *used =
		(uint32_t *)space_at(space, (space->list - 16) & ~(uint64_t)(SPACE_POOL - 1));

	for (int i = 0; i < 6; i++) {
		grow_list(space, space->list);
		*used -= i == 3;
		look(fixture);
		*used += i == 3;
	}
	assert_true(grew(fixture, space->list));
}

static const struct grown *find_grown(const struct grown *grown, size_t count, uint64_t address,
				      const struct graph *graph)
{
	for (size_t i = 0; i < count; i++)
		if (grown[i].node && graph_address(graph, grown[i].node) == address)
			return &grown[i];
	return NULL;
}

/* A cache that drops its oldest entries turns over, whatever its length does. */
static void test_first_entries(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t kept = space_dict(space), turning = space_dict(space);
	const struct containers *containers = &fixture->objects.containers;

	space_dict_add(space, space->main, "KEPT", kept);
	space_dict_add(space, space->main, "TURNING", turning);
	for (uint64_t i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "key %d", (int)i);
		space_dict_add(space, kept, name, space_list(space, 1));
		space_dict_add(space, turning, name, space_list(space, 1));
		if (i > 2) /* empties its oldest place */
			space_put(space,
				  space_get(space, turning + DICT_KEYS) + 32 + 64 + 16 * (i - 3),
				  0);
		look(fixture);
	}
	assert_true(container_stays(containers_find(containers, kept)));
	assert_false(container_stays(containers_find(containers, turning)));
	assert_false(container_stays(containers_find(containers, space->deque)));
}

/* Each of five objects has at most one of it. */
static void test_attributes_that_are_set_one_by_one(void **state)
{
	enum { HOLDERS = 5 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t plains[HOLDERS], items = space_get(space, space->list + LIST_ITEMS);
	const struct grown *found;
	struct grown *grown;
	size_t count;

	for (size_t i = 0; i < HOLDERS; i++)
		space_put(space, items + 8 * i, plains[i] = space_plain(space, 0));
	for (size_t i = 0; i < HOLDERS; i++) {
		uint64_t values = space_get(space, plains[i] - 32);

		space_put(space, values, space_deque(space, 3, UINT64_MAX));
		look(fixture);
		grown = objects_grown(&fixture->objects, &count);
		found = find_grown(grown, count, space_get(space, space_get(space, plains[0] - 32)),
				   &fixture->objects.graph);
		if (i + 2 == HOLDERS) {
			assert_non_null(found);
			assert_int_equal(found->length, HOLDERS - 1);
			assert_int_equal(found->bound, HOLDERS);
		} else if (i + 1 == HOLDERS) {
			assert_null(found);
		}
		free(grown);
	}
}

/* As before, but it is other objects each time that have the same ones, as far as they have any. */
static void test_attributes_of_what_comes_and_goes(void **state)
{
	enum { HOLDERS = 5 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t deques[HOLDERS], items = space_get(space, space->list + LIST_ITEMS);
	struct grown *grown;
	size_t count;

	for (size_t i = 0; i < HOLDERS; i++)
		deques[i] = space_deque(space, 3, UINT64_MAX);
	for (size_t i = 0; i + 1 < HOLDERS; i++) {
		uint64_t first = space_plain(space, deques[0]);

		space_put(space, items, first);
		for (size_t j = 1; j < HOLDERS; j++)
			space_put(space, items + 8 * j,
				  space_another_plain(space, j <= i ? deques[j] : 0));
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	assert_null(find_grown(grown, count, deques[0], &fixture->objects.graph));
	free(grown);
}

static void test_bounds_of_many_alike(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t deques[3], items = space_get(space, space->list + LIST_ITEMS);

	for (size_t i = 0; i < 3; i++)
		space_put(space, items + 8 * i, deques[i] = space_deque(space, 6, 10 + i));
	for (uint64_t length = 2; length <= 5; length++) {
		for (size_t i = 0; i < 3; i++)
			space_put(space, deques[i] + DEQUE_LENGTH, length);
		look(fixture);
	}
	for (int bounded = 1; bounded >= 0; bounded--) {
		size_t count;
		struct grown *grown = objects_grown(&fixture->objects, &count);
		const struct grown *found = NULL;

		for (size_t i = 0; i < 3; i++)
			found = found ? found
				      : find_grown(grown, count, deques[i],
						   &fixture->objects.graph);
		assert_non_null(found);
		assert_int_equal(found->alike, 3);
		assert_true(found->bound == (bounded ? 10 + 11 + 12 : UINT64_MAX));
		free(grown);
		space_put(space, deques[1] + DEQUE_MAX_LENGTH, UINT64_MAX);
		look(fixture);
	}
}

/* One of eight lists gets an entry at each look, and one of the others, another one each time. */
static void test_entries_spread_over_many(void **state)
{
	enum { LISTS = 8, LOOKS = 6 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[LISTS], holder = space_list(space, LISTS);
	size_t count;

	space_dict_add(space, space->main, "HISTORY", holder);
	for (size_t i = 0; i < LISTS; i++) {
		lists[i] = space_list(space, LOOKS + 2);
		for (uint64_t j = 0; j < LOOKS + 2; j++)
			space_put(space, space_get(space, lists[i] + LIST_ITEMS) + 8 * j,
				  space_plain(space, 0));
		space_put(space, lists[i] + LIST_LENGTH, 1);
		space_put(space, space_get(space, holder + LIST_ITEMS) + 8 * i, lists[i]);
	}
	look(fixture);
	for (size_t i = 1; i < LOOKS; i++) {
		grow_list(space, lists[0]);
		grow_list(space, lists[i]);
		look(fixture);
	}
	struct grown *grown = objects_grown(&fixture->objects, &count);
	const struct grown *found = find_grown(grown, count, lists[0], &fixture->objects.graph);

	assert_non_null(found);
	assert_int_equal(found->alike, LISTS);
	assert_int_equal(found->entries, 2 * (LOOKS - 1));
	assert_int_equal(found->length, LISTS + 2 * (LOOKS - 1));
	assert_int_equal(found->container, 0);
	free(grown);
}

/* A dictionary that gets lists, and then no more, while these go on to get entries. */
static void test_what_grows_on_inside(void **state)
{
	enum { LISTS = 4, LOOKS = 6 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t dict = space_dict(space), lists[LISTS];
	struct grown *grown;
	size_t count;

	space_dict_add(space, space->main, "OUTER", dict);
	for (size_t i = 0; i < LOOKS; i++) {
		if (i < LISTS) {
			lists[i] = space_list(space, 40);
			space_put(space, lists[i] + LIST_LENGTH, 1);
			space_dict_add(space, dict, "n", lists[i]);
		}
		for (size_t j = 0; j <= i && j < LISTS; j++)
			grow_list(space, lists[j]);
		look(fixture);
		grown = objects_grown(&fixture->objects, &count);
		assert_int_equal(count, i == 0 ? 0 : i == LOOKS - 1 ? 2 : 1);
		for (size_t j = 0; j < count && i == LOOKS - 1; j++)
			assert_int_equal(grown[j].still, grown[j].container != 0);
		free(grown);
	}
}

/* A trie of dictionaries that is empty at first. Some of them get entries at each look, with
 * what hangs on these: one row tells it. */
static void test_a_trie_that_was_empty(void **state)
{
	enum { LOOKS = 7, BRANCHES = 4, DEEP = 4 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t trie = space_dict(space), branches[BRANCHES];
	struct grown *grown;
	size_t count;

	space_dict_add(space, space->main, "TRIE", trie);
	look(fixture);
	for (size_t i = 1; i < LOOKS; i++) {
		for (size_t j = 0; j < BRANCHES; j++) {
			if (i == 1)
				space_dict_add(space, trie, "n", branches[j] = space_dict(space));
			for (uint64_t k = 0, at = branches[j]; k < DEEP; k++) {
				uint64_t below = space_dict(space);

				space_dict_add(space, at, "n", below);
				at = below;
			}
		}
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	assert_int_equal(count, 1);
	assert_true(grown->tree);
	assert_int_equal(graph_address(&fixture->objects.graph, grown->node), trie);
	assert_int_equal(grown->entries, BRANCHES + (LOOKS - 1) * BRANCHES * DEEP);
	free(grown);
}

/* Objects of a growing dictionary, all of which lead to the same other one, in which something
 * grows for reasons of its own. */
static void test_what_entries_lead_to(void **state)
{
	enum { LOOKS = 6, ENTRIES = 4 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t dict = space_dict(space), shared = space_dict(space);
	struct grown *grown;
	size_t count;

	space_dict_add(space, space->main, "OUTER", dict);
	for (size_t i = 0; i < LOOKS; i++) {
		for (size_t j = 0; j < ENTRIES; j++)
			space_dict_add(space, dict, "n", space_plain(space, shared));
		space_dict_add(space, shared, "n", space->kept);
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	const struct grown *outer = find_grown(grown, count, dict, &fixture->objects.graph);
	const struct grown *inner = find_grown(grown, count, shared, &fixture->objects.graph);

	assert_non_null(outer);
	assert_non_null(inner);
	assert_true(inner->bytes < outer->bytes / 2);
	free(grown);
}

/* Entries of a cache of which some were missed, and what code refers to beside others. */
static void test_what_is_told_elsewhere(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t dict = space_get(space, space->cache + CACHE_DICT), plain = space_dict(space);
	struct grown *grown;
	size_t count;

	space_dict_add(space, space->main, "OTHER", plain);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 2; j++) {
			uint64_t entry = space_object(space, SPACE_CACHE_ENTRY, 56);

			space_put(space, entry + CACHE_ENTRY_RESULT, space_list(space, 4));
			space_dict_add(space, dict, "n", entry);
			space_dict_add(space, plain, "n", space_list(space, 4));
		}
		space_put(space, dict + DICT_USED, 3); /* which the cache says of itself */
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	assert_int_equal(count, 1);
	assert_int_equal(graph_address(&fixture->objects.graph, grown->node), plain);
	free(grown);
}

/* What came when there was no more room for patterns is not taken for
 * another one that it lies beside. */
static void test_without_room_for_patterns(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t lists[2];
	struct grown *grown;
	size_t count;

	look(fixture);
	fixture->objects.patterns.max = fixture->objects.patterns.count;
	for (size_t i = 0; i < 2; i++) {
		lists[i] = space_list(space, 8);
		space_dict_add(space, space->main, i ? "ONE" : "OTHER", lists[i]);
	}
	for (int i = 0; i < 4; i++) {
		for (size_t j = 0; j < 2; j++)
			grow_list(space, lists[j]);
		look(fixture);
	}
	grown = objects_grown(&fixture->objects, &count);
	assert_true(fixture->objects.patterns.full);
	for (size_t i = 0; i < 2; i++) {
		const struct grown *found =
			find_grown(grown, count, lists[i], &fixture->objects.graph);

		assert_non_null(found);
		assert_int_not_equal(found->container, 0);
		assert_int_equal(found->entries, 3);
	}
	assert_int_equal(count, 2);
	free(grown);
}

/* What code is made of has no pattern of its own: there is too much of it. */
static void test_code_takes_no_room(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	const struct patterns *patterns = &fixture->objects.patterns;
	const struct python_object_types *types = &fixture->objects.types;
	uint64_t name = space_str(space, "name");
	size_t codes = 0;

	space_dict_add(space, space->main, "CODE", space_code(space, "f", &name, 1));
	look(fixture);
	for (size_t i = 1; i < patterns->count; i++) {
		codes += types->items[patterns->items[i].type].kind == KIND_CODE;
		assert_int_not_equal(
			types->items[patterns->items[patterns->items[i].parent].type].kind,
			KIND_CODE);
	}
	assert_true(codes > 0);
}

/* What grows by chance, and in an interpreter of its own what does so surely. */
static void see_both(void **state, void (*see)(struct fixture *, size_t surely))
{
	see(*state, 0);
	end(state);
	begin(state);
	see(*state, 1);
}

static size_t count_rows(struct fixture *fixture, uint64_t address)
{
	size_t count, found = 0;
	struct grown *grown = objects_grown(&fixture->objects, &count);

	for (size_t i = 0; i < count; i++)
		found += graph_address(&fixture->objects.graph, grown[i].node) == address;
	free(grown);
	return found;
}

/* What a running function computes with is longer at half of the looks by chance, as another one
 * lies in its place; what it fills is so at each. */
static void see_container_of_a_running_function(struct fixture *fixture, size_t filled)
{
	struct object_space *space = fixture->space;
	static const uint64_t chance[] = {1, 1, 2, 2, 4, 5}, fills[] = {1, 2, 2, 3, 4, 5};

	for (size_t i = 0; i < 6; i++) {
		space_put(space, space->kept + LIST_LENGTH, filled ? fills[i] : chance[i]);
		space_put(space, space->list + LIST_LENGTH, filled ? fills[i] : chance[i]);
		look(fixture);
	}
	assert_int_equal(count_rows(fixture, space->kept), filled);
	assert_int_equal(count_rows(fixture, space->list), 1);
}

static void test_container_of_a_running_function(void **state)
{
	see_both(state, see_container_of_a_running_function);
}

/* Lists that take the place of ints in a list that a running function
 * has, and in one of a module. */
static void see_objects_of_a_running_function(struct fixture *fixture, size_t filled)
{
	enum { LOOKS = 6 };
	struct object_space *space = fixture->space;
	static const size_t counts[][LOOKS] = {{1, 1, 1, 2, 3, 3}, {0, 1, 2, 3, 4, 5}};

	for (size_t i = 0; i < LOOKS; i++) {
		uint64_t kept = space_get(space, space->kept + LIST_ITEMS);
		uint64_t items = space_get(space, space->list + LIST_ITEMS);

		for (size_t j = i ? counts[filled][i - 1] : 0; j < counts[filled][i]; j++) {
			space_put(space, kept + 8 * j, space_list(space, 1));
			space_put(space, items + 8 * j, space_list(space, 1));
		}
		look(fixture);
	}
	assert_int_equal(count_rows(fixture, space->kept), filled);
	assert_int_equal(count_rows(fixture, space->list), 1);
}

static void test_objects_of_a_running_function(void **state)
{
	see_both(state, see_objects_of_a_running_function);
}

/* Where the oldest entries leave, it is longer at half of the looks by chance. */
static void see_what_turns_over(struct fixture *fixture, size_t surely)
{
	enum { LOOKS = 6 };
	struct object_space *space = fixture->space;
	static const uint64_t lengths[][LOOKS] = {{5, 6, 6, 7, 7, 8}, {5, 6, 7, 8, 8, 9}};
	uint64_t stays = space_dict(space), turns = space_dict(space);

	for (size_t i = 0; i < 12; i++) {
		space_dict_add(space, stays, "key", space->kept);
		space_dict_add(space, turns, "key", space->kept);
	}
	for (size_t i = 0; i < LOOKS; i++) {
		space_put(space, stays + DICT_USED, lengths[surely][i]);
		space_put(space, turns + DICT_USED, lengths[surely][i]);
		if (i > 2) /* its key */
			space_put(space, space_dict_place(space, turns, i - 3) - 8, 0);
		look(fixture);
	}
	assert_true(grew(fixture, stays));
	assert_int_equal(grew(fixture, turns), surely);
}

static void test_what_turns_over(void **state)
{
	see_both(state, see_what_turns_over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_growth_over_many_looks),
		TEST(test_growth_at_each_look),
		TEST(test_reused_addresses),
		TEST(test_moved_while_it_is_read),
		TEST(test_missing_at_one_look),
		TEST(test_first_entries),
		TEST(test_attributes_that_are_set_one_by_one),
		TEST(test_attributes_of_what_comes_and_goes),
		TEST(test_bounds_of_many_alike),
		TEST(test_what_grows_on_inside),
		TEST(test_a_trie_that_was_empty),
		TEST(test_what_entries_lead_to),
		TEST(test_what_is_told_elsewhere),
		TEST(test_without_room_for_patterns),
		TEST(test_code_takes_no_room),
		TEST(test_container_of_a_running_function),
		TEST(test_objects_of_a_running_function),
		TEST(test_what_turns_over),
		TEST(test_entries_spread_over_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
