/* SPDX-License-Identifier: BSD-2-Clause */
/* What objects of a made-up interpreter (object_space.h) say of their size, also where that cannot
 * be: what is read from a busy process is not all of one moment. */
#include "object_fixture.h"

#include "python/objects/entry_bytes.h"

enum { MANY = 1 << 20, FAR_MORE = 1 << 30 }; /* entries; all memory there is has room for fewer */

static uint32_t type_of(const struct fixture *fixture, uint64_t address)
{
	const struct graph *graph = &fixture->objects.graph;

	return graph_type(graph, graph_find(graph, address, false));
}

static uint64_t length_of(struct fixture *fixture, uint64_t address)
{
	return object_length(&fixture->objects.reader, address, type_of(fixture, address));
}

static void test_lengths(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;

	look(fixture);
	assert_int_equal(length_of(fixture, space->list), 8);
	assert_int_equal(length_of(fixture, space->dict), 1);
	assert_int_equal(length_of(fixture, space->set), 2);
	assert_int_equal(length_of(fixture, space->deque), 3);
	assert_int_equal(length_of(fixture, space->bytes), 4000);
	assert_int_equal(length_of(fixture, space->cache), 1);
}

/* A container that says so at one look is as long as before. */
static void test_lengths_without_room(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t table = space_get(space, space->cache + CACHE_DICT);

	look(fixture);
	space_put(space, space->list + LIST_LENGTH, MANY);
	space_put(space, space->list + LIST_ALLOCATED, MANY);
	space_put(space, space->dict + DICT_USED, MANY);
	space_put(space, table + DICT_USED, MANY);
	space_put(space, space->set + SET_USED, MANY);
	space_put(space, space->set + SET_MASK, 2 * MANY - 1);
	space_put(space, space->deque + DEQUE_LENGTH, FAR_MORE);
	space_put(space, space->bytes + 16, MANY);
	look(fixture);

	const uint64_t all[] = {space->list, space->dict,  space->cache,
				space->set,  space->deque, space->bytes};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct container *container =
			containers_find(&fixture->objects.containers, all[i]);

		assert_int_equal(length_of(fixture, all[i]), 0);
		assert_non_null(container);
		assert_int_equal(container->length, container->length0);
		assert_int_equal(container->ups + container->downs, 0);
	}
}

/* The table of a dictionary says how long that may be, and is no larger than memory. */
static void test_tables_that_lie(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t keys = space_get(space, space->dict + DICT_KEYS);

	space_put(space, space->dict + DICT_USED, FAR_MORE);
	space_put(space, keys + 8, 34 | 36 << 8 | 1 << 16);
	space_put(space, keys + 24, FAR_MORE);
	look(fixture);
	assert_int_equal(length_of(fixture, space->dict), 0);
	assert_int_equal(object_payload(&fixture->objects.reader, space->dict,
					type_of(fixture, space->dict)),
			 0);
}

/* Of an object that is in no pool its mapping is the bound, of one that is in a pool the block. */
static void test_objects_without_room(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct object_reader *reader = &fixture->objects.reader;
	uint64_t item = space->list, small = space_tuple(space, &item, 1);
	uint64_t large = space_large(space, 32 + 1024) + 32, text = space_str(space, "text");

	space_put(space, large, 1);
	space_put(space, large + OBJECT_TYPE, space_type(SPACE_TUPLE));
	space_put(space, large + OBJECT_SIZE, 120);
	space_dict_add(space, space->main, "SMALL", small);
	space_dict_add(space, space->main, "LARGE", large);
	space_dict_add(space, space->main, "TEXT", text);
	look(fixture);
	uint32_t tuple = type_of(fixture, large), str = type_of(fixture, text);
	assert_int_equal(object_bytes(reader, large, tuple), 24 + 120 * 8);
	assert_int_equal(object_bytes(reader, text, str), 48 + 5);
	view_clear(fixture->objects.view, &fixture->objects.regions);
	space_put(space, large + OBJECT_SIZE, FAR_MORE);
	space_put(space, small + OBJECT_SIZE, 100);
	space_put(space, text + 16, 1000);
	assert_int_equal(object_bytes(reader, large, tuple), 24);
	assert_int_equal(object_bytes(reader, small, tuple), 24);
	assert_int_equal(object_bytes(reader, text, str), 80);
}

/* What Python has of malloc by sizes of chunks: a deque has a block for each 64 entries. */
static void test_chunks_beside(void **state)
{
	enum { BLOCKS = 5 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct chunk_classes one = {0}, more = {0};
	size_t of_blocks = chunk_class_of(chunk_size_of_request(DEQUE_BLOCK_BYTES));

	look(fixture);
	objects_chunks(&fixture->objects, &one);
	assert_true(one.items[of_blocks].count >= 1);
	space_put(space, space->deque + DEQUE_LENGTH, (BLOCKS - 1) * DEQUE_BLOCK_ITEMS);
	look(fixture);
	objects_chunks(&fixture->objects, &more);
	assert_int_equal(more.items[of_blocks].count - one.items[of_blocks].count, BLOCKS - 1);
}

/* An OrderedDict has a pointer for each place of its table, in a block of its own. */
static void test_order_beside(void **state)
{
	enum { PLACES = 256, BYTES = 8 * PLACES };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t ordered = space_object(space, SPACE_ORDERED, 112);
	uint64_t table = space_get(space, space->dict + DICT_KEYS);
	struct chunk_classes classes = {0};
	struct object_reader *reader = &fixture->objects.reader;

	space_put(space, ordered + DICT_KEYS, table);
	space_put(space, ordered + ORDERED_NODES, space_large(space, BYTES));
	space_put(space, ordered + ORDERED_NODE_COUNT, PLACES);
	space_dict_add(space, space->main, "ORDERED", ordered);
	look(fixture);
	objects_chunks(&fixture->objects, &classes);
	assert_int_equal(
		object_payload(reader, ordered, type_of(fixture, ordered)),
		BYTES + object_payload(reader, space->dict, type_of(fixture, space->dict)));
	assert_int_equal(classes.items[chunk_class_of(chunk_size_of_request(BYTES))].count, 1);
	space_put(space, ordered + ORDERED_NODE_COUNT, PLACES + 1);
	look(fixture);
	assert_int_equal(object_order_bytes(reader, ordered), 0);
}

/* A class has keys for the attributes of its instances; one of C code has
 * what lies there by chance. */
static void test_keys_of_a_class(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct object_reader *reader = &fixture->objects.reader;
	uint64_t plain = space_plain(space, 0), class = space_type(SPACE_PLAIN),
		 keys = 32 + 8 + 5 * 16;
	struct chunk_classes without = {0}, with = {0};
	size_t of_keys = chunk_class_of(chunk_size_of_request(keys));

	space_dict_add(space, space->main, "PLAIN", plain);
	space_dict_add(space, space->main, "CLASS", class);
	look(fixture);
	assert_int_equal(object_payload(reader, class, type_of(fixture, class)), keys);
	objects_chunks(&fixture->objects, &with);
	space_put(space, class + TYPE_FLAGS, space_get(space, class + TYPE_FLAGS) & ~TYPE_HEAP);
	look(fixture);
	assert_int_equal(object_payload(reader, class, type_of(fixture, class)), 0);
	objects_chunks(&fixture->objects, &without);
	assert_int_equal(with.items[of_keys].count - without.items[of_keys].count, 1);
}

/* What came last holds what lies behind the copy; what came before it tells all the same. */
static void test_entries_behind_the_copy(void **state)
{
	enum { ENTRIES = 300, BEHIND = 64, BYTES = 8 * 100 };
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, ENTRIES), entry = space_list(space, 100);
	uint64_t items = space_get(space, list + LIST_ITEMS);

	for (uint64_t i = 0; i < ENTRIES; i++)
		space_put(space, items + 8 * i, i < ENTRIES - BEHIND ? entry : 0);
	space_dict_add(space, space->main, "GROWING", list);
	look(fixture);

	const struct graph *graph = &fixture->objects.graph;
	assert_true(objects_entry_bytes(&fixture->objects, graph_find(graph, list, false),
					(uint64_t)ENTRIES * BYTES, ENTRIES, ENTRIES - 1) >= BYTES);
}

/* Of a set that has just become four times as large, an entry is not told to bring all of that. */
static void test_tables_that_grow_by_leaps(void **state)
{
	enum { SLOTS = 4096, ENTRY = 16, OF_INT = 32, LONG_RUN = 53 };
	static const uint64_t lengths[] = {620, 1200, 2400};
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t set = space_object(space, SPACE_SET, 200);

	space_put(space, set + SET_MASK, SLOTS - 1);
	space_put(space, set + SET_TABLE, space_large(space, SLOTS * ENTRY));
	space_dict_add(space, space->main, "GROWING", set);
	look(fixture);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		uint64_t below = SLOTS * ENTRY + OF_INT * lengths[i];
		uint32_t node = graph_find(&fixture->objects.graph, set, false);
		double bytes = objects_entry_bytes(&fixture->objects, node, below, lengths[i],
						   lengths[i] / 8);

		assert_true(bytes > OF_INT + LONG_RUN - 1 && bytes < OF_INT + LONG_RUN + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lengths),
		TEST(test_chunks_beside),
		TEST(test_entries_behind_the_copy),
		TEST(test_tables_that_grow_by_leaps),
		TEST(test_order_beside),
		TEST(test_keys_of_a_class),
		TEST(test_lengths_without_room),
		TEST(test_tables_that_lie),
		TEST(test_objects_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
