/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at a made-up interpreter (object_space.h): what is found, and what is not when it is
 * torn. */
#include "object_fixture.h"

static uint64_t count_of(const struct fixture *fixture, const char *name)
{
	const struct python_object_types *types = &fixture->objects.types;

	for (size_t i = 1; i < types->count; i++)
		if (types->items[i].count && !strcmp(types->items[i].name, name))
			return types->items[i].count;
	return 0;
}

static void test_counts(void **state)
{
	struct fixture *fixture = *state;

	look(fixture);
	assert_int_equal(count_of(fixture, "list"), 8);
	assert_int_equal(count_of(fixture, "int"), 8 + 4 + 6 + 3 * 2 + 2 + 3 + 5);
	assert_int_equal(count_of(fixture, "set"), 1);
	assert_int_equal(count_of(fixture, "Plain"), 1);
	assert_int_equal(count_of(fixture, "module"), 1);
	assert_int_equal(fixture->objects.pools.torn, 0);
	assert_int_equal(fixture->objects.pools.listed_blocks, 0);
}

static void test_names(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t inner = space_get(space, space_get(space, space->dict + DICT_KEYS) + 32 + 64 + 8);

	look(fixture);
	assert_string_equal(name_of(fixture, space->list, 0), "main.LIST");
	assert_string_equal(name_of(fixture, space->rows, 0), "main.PLAIN.rows");
	assert_string_equal(name_of(fixture, space->set, 0), "main.SET");
	assert_string_equal(name_of(fixture, inner, 0), "main.DICT[*]");
	assert_string_equal(name_of(fixture, inner, NAME_WITH_KEYS), "main.DICT['secret']");
	assert_string_equal(name_of(fixture, space->kept, 0),
			    "local kept of work (file.py:7), thread 1");
}

static void test_freed_blocks_are_no_objects(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t pool = (space->list - 16) & ~(uint64_t)(SPACE_POOL - 1);
	uint64_t block = space->rows - 16;

	/* the block becomes the pool's list of free ones */
	space_put(space, block, 0);
	space_put(space, space->rows, 0);
	space_put(space, pool + 8, block);
	--*(uint32_t *)space_at(space, pool);
	look(fixture);
	assert_int_equal(count_of(fixture, "list"), 7);
	assert_string_equal(name_of(fixture, space->rows, 0), "");
	assert_int_equal(fixture->objects.pools.torn, 0);
}

/* Items of lists lie in pools behind those of the lists: no memory beside pools. */
static void test_items_in_pools_that_come_later(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, 8);

	assert_true(space_get(space, list + LIST_ITEMS) / SPACE_POOL > list / SPACE_POOL);
	look(fixture);
	uint64_t beside = fixture->objects.beside_bytes;
	for (size_t i = 0; i < 20; i++)
		space_list(space, 8);
	look(fixture);
	assert_int_equal(fixture->objects.beside_bytes, beside);
	space_list(space, 100);
	look(fixture);
	assert_int_equal(fixture->objects.beside_bytes, beside + chunk_size_of_request(8 * 101));
}

static void test_torn_pools_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t pool = (space->list - 16) & ~(uint64_t)(SPACE_POOL - 1);

	--*(uint32_t *)space_at(space, pool); /* one fewer in use than there are */
	look(fixture);
	assert_int_equal(fixture->objects.pools.torn, 1);
	assert_int_equal(fixture->objects.pools.read_again, 4);
	assert_int_equal(count_of(fixture, "list"), 8); /* by who refers to them */
}

static void test_free_lists_that_go_round(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t pool = (space->list - 16) & ~(uint64_t)(SPACE_POOL - 1);
	uint64_t block = space->rows - 16;

	space_put(space, block, block);
	space_put(space, pool + 8, block);
	look(fixture);
	assert_int_equal(fixture->objects.pools.torn, 1);
}

static void test_headers_that_are_none(void **state)
{
	static const struct {
		uint32_t offset, value;
	} wrong[] = {
		{0, 0},   {0, 100000},      {36, 32},    {36, UINT32_MAX}, {40, 0},
		{40, 49}, {40, UINT32_MAX}, {40, 32000}, {44, 0},          {44, UINT32_MAX},
	};
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t pool = (space->list - 16) & ~(uint64_t)(SPACE_POOL - 1);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint32_t *word = (uint32_t *)space_at(space, pool + wrong[i].offset);
		uint32_t before = *word;

		*word = wrong[i].value;
		look(fixture);
		assert_int_equal(object_pools_block(&fixture->objects.pools, space->list), 0);
		*word = before;
	}
	look(fixture);
	assert_true(object_pools_block(&fixture->objects.pools, space->list));
}

static void test_types_that_are_none(void **state)
{
	static const struct {
		uint32_t offset;
		uint64_t value;
	} wrong[] = {
		{0, 0},
		{8, 0},
		{8, SPACE_HEAP},
		{TYPE_BASIC_SIZE, 0},
		{TYPE_BASIC_SIZE, UINT64_MAX},
		{TYPE_ITEM_SIZE, UINT64_MAX},
		{TYPE_FLAGS, 0},
		{OBJECT_SIZE, UINT64_MAX},
		{TYPE_TP_NAME, 0x7e},
		{TYPE_TP_NAME, SPACE_HEAP + SPACE_HEAP_BYTES - 8}, /* zeroes */
	};
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	char nameless[40];

	snprintf(nameless, sizeof(nameless), "type at %#llx",
		 (unsigned long long)space_type(SPACE_SET));

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint64_t address = space_type(SPACE_SET) + wrong[i].offset;
		uint64_t before = space_get(space, address);

		space_put(space, address, wrong[i].value);
		look(fixture);
		assert_int_equal(count_of(fixture, "set"), 0);
		assert_int_equal(count_of(fixture, nameless), 0);
		space_put(space, address, before);
	}
	look(fixture);
	assert_int_equal(count_of(fixture, "set"), 1);
}

/* The head of an empty list points to itself, and what follows may look like flags. */
static void test_a_list_head_is_no_type(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t set = space_type(SPACE_SET);
	uint64_t flags = space_get(space, set + TYPE_FLAGS);

	space_put(space, set + TYPE_FLAGS, flags | TYPE_TYPE_SUBCLASS);
	space_put(space, set + OBJECT_TYPE, set);
	look(fixture);
	assert_int_equal(count_of(fixture, "set"), 0);
	space_put(space, set + OBJECT_TYPE, space_type(SPACE_TYPE));
	look(fixture);
	assert_int_equal(count_of(fixture, "set"), 1);
}

/* Static types that C code never made ready are types all the same. */
static void test_types_that_are_not_ready(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t deque = space_type(SPACE_DEQUE);

	space_put(space, deque + TYPE_FLAGS, TYPE_HAVE_GC);
	look(fixture);
	assert_int_equal(count_of(fixture, "collections.deque"), 1);
	space_put(space, deque + TYPE_TP_NAME, space_c_string(space, "no\nname."));
	look(fixture);
	assert_int_equal(count_of(fixture, "no\nname."), 0);
}

static void test_lengths_that_lie(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;

	space_put(space, space->list + LIST_LENGTH, UINT64_MAX);
	space_put(space, space->deque + DEQUE_LENGTH, UINT64_MAX >> 1);
	space_put(space, space->set + SET_MASK, UINT64_MAX);
	space_put(space, space->bytes + BYTEARRAY_ALLOCATED, UINT64_MAX);
	space_put(space, space->dict + DICT_USED, UINT64_MAX);
	space_put(space, space_get(space, space->dict + DICT_KEYS) + 24, UINT64_MAX);
	look(fixture);
	assert_int_equal(count_of(fixture, "list"), 7);
	assert_int_equal(count_of(fixture, "set"), 0);
}

/* A deque whose blocks go round, bases of types and threads that do. */
/* What is to be read again there would be all addresses that there are. */
static void test_references_to_the_end_of_all_addresses(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t items = space_get(space, space->list + LIST_ITEMS);

	space_put(space, items, UINT64_MAX - 7);
	space_put(space, items + 8, UINT64_MAX - 255);
	space_put(space, items + 16, UINT64_C(1) << 47);
	look(fixture);
	assert_true(fixture->objects.graph.dangling > 0);
	assert_int_equal(view_refresh(fixture->objects.view, UINT64_MAX - 7, 16), -EFAULT);
	assert_int_equal(view_refresh(fixture->objects.view, UINT64_MAX - 7, 8), -EFAULT);
	assert_int_equal(view_refresh(fixture->objects.view, SPACE_HEAP, UINT64_MAX), -EFAULT);
}

static void test_rings_end(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t block = space_get(space, space->deque + DEQUE_LEFT);
	uint64_t interpreter = space_get(space, SPACE_DATA + SPACE_RUNTIME_AT + 40);
	uint64_t thread = space_get(space, interpreter + 16);
	uint64_t frame = space_get(space, space_get(space, thread + 56) + 8);

	space_put(space, block + 8 + 8 * DEQUE_BLOCK_ITEMS, block);
	space_put(space, space->deque + DEQUE_LENGTH, UINT64_C(1) << 50);
	space_put(space, space_type(SPACE_OBJECT) + TYPE_BASE, space_type(SPACE_PLAIN));
	space_put(space, thread + 8, thread);
	space_put(space, frame + 48, frame);
	space_put(space, interpreter, interpreter);
	look(fixture);
	assert_string_equal(name_of(fixture, space->list, 0), "main.LIST");
}

/* Lists that all say that they hold the same large memory cost no more than that memory. */
static void test_lists_of_the_same_items(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t first = 0;

	for (int i = 0; i < 3000; i++) {
		uint64_t list = space_object(space, SPACE_LIST, 40);

		space_put(space, list + LIST_LENGTH, SPACE_HEAP_BYTES / 8);
		space_put(space, list + LIST_ITEMS, SPACE_HEAP);
		space_put(space, list - 16, first); /* nothing reads the links of the collector */
		first = list;
	}
	space_put(space, space->list + LIST_ITEMS, SPACE_HEAP);
	space_put(space, space->list + LIST_LENGTH, SPACE_HEAP_BYTES / 8);
	look(fixture);
	assert_true(fixture->objects.cpu_ns < UINT64_C(20000000000));
}

/* A chain of a thousand: its name begins with its root. */
static void test_long_chains(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t tuple = space->rows;

	for (int i = 0; i < 1000; i++)
		tuple = space_tuple(space, &tuple, 1);
	space_put(space, space_get(space, space->list + LIST_ITEMS), tuple);
	space_put(space, space_get(space, space->plain - 32), 0);
	look(fixture);
	const char *name = name_of(fixture, space->rows, 0);
	assert_int_equal(strncmp(name, "main.LIST[0][0]", 15), 0);
	assert_non_null(strstr(name, "[0]...[0]"));
	assert_int_equal(fixture->objects.patterns.full, false);
}

static void test_names_are_cut(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	char text[400];
	uint64_t dict = space->main;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 20; i++) {
		uint64_t inner = space_dict(space);
		uint64_t module = space_module(space, inner);

		space_dict_add(space, dict, text, module);
		dict = inner;
	}
	space_dict_add(space, dict, "END", space->kept);
	look(fixture);
	assert_true(strlen(name_of(fixture, space->kept, 0)) < OBJECT_NAME_BYTES);
}

/* What is there from the second read of its page on: an object at the end of its pool. Where it has
 * a type before that, it was another one of that. */
static uint64_t late_block, late_pool, late_type;
static bool late_block_came;

static ssize_t late_read(const struct page_source *source, uint64_t address, void *buffer,
			 size_t size)
{
	ssize_t got = space_read(source, address, buffer, size);
	uint8_t *bytes = buffer;

	if (late_block_came || got < 0)
		return got;
	if (!late_type && late_pool >= address && late_pool + 48 <= address + (uint64_t)got) {
		--*(uint32_t *)(bytes + (late_pool - address));
		*(uint32_t *)(bytes + (late_pool - address) + 40) =
			(uint32_t)(late_block - late_pool);
	}
	if (late_block < address || late_block >= address + (uint64_t)got)
		return got;
	if (late_type)
		memcpy(bytes + (late_block + 24 - address), &late_type, sizeof(late_type));
	else
		memset(bytes + (late_block - address), 0, 64);
	late_block_came = true;
	return got;
}

static void use_late_reads(struct fixture *fixture, uint64_t object, uint64_t type_before)
{
	const struct page_source source = {late_read, space_pagemap, fixture->space, -1, -1};

	late_block = object - 16;
	late_pool = object & ~(uint64_t)(SPACE_POOL - 1);
	late_type = type_before;
	late_block_came = false;
	view_free(fixture->objects.view);
	fixture->objects.view = view_new_of(&source, &fixture->objects.regions, 48 << 20);
	fixture->objects.reader.view = fixture->objects.view;
}

static uint64_t space_set_of(struct object_space *space, uint64_t item)
{
	uint64_t set = space_object(space, SPACE_SET, 200);

	space_put(space, set + SET_USED, 1);
	space_put(space, set + SET_MASK, 7);
	space_put(space, set + SET_TABLE, set + SET_SMALL_TABLE);
	space_put(space, set + SET_SMALL_TABLE, item);
	return set;
}

/* The newest link of a chain is the way to all of it. */
static void test_block_that_came_after_its_pool(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t inner = space_list(space, 3), late = space_set_of(space, inner);

	space_put(space, space_get(space, space->plain - 32), late);
	use_late_reads(fixture, late, 0);
	look(fixture);
	assert_true(late_block_came);
	assert_string_equal(name_of(fixture, inner, 0), "main.PLAIN.rows[*]");
}

/* The same where its block was something else when it was copied: by what was there at other
 * looks. */
static void test_block_that_was_something_else(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t slot = space_get(space, space->plain - 32), inner = space_list(space, 3);

	space_put(space, slot, space_set_of(space, space->rows));
	look(fixture);
	uint64_t late = space_set_of(space, inner);
	space_put(space, slot, late);
	use_late_reads(fixture, late, space_type(SPACE_DEQUE));
	look(fixture);
	assert_true(late_block_came);
	assert_string_equal(name_of(fixture, inner, 0), "main.PLAIN.rows[*]");
}

/* The rest of a block is of whoever had it before. */
static void test_words_behind_an_object(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t plain = space_object(space, SPACE_PLAIN, 32), stale = space_list(space, 3);

	space_put(space, plain + 16, stale);
	space_put(space, plain + 24, stale);
	space_dict_add(space, space->main, "OTHER", plain);
	look(fixture);
	assert_string_equal(name_of(fixture, plain, 0), "main.OTHER");
	assert_string_equal(name_of(fixture, stale, 0), "");
}

/* What a list says of itself while it changes is not of one moment: it cannot be larger than its
 * block of malloc, nor have room for far more than is in it. */
static void test_torn_sizes(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, 70), items = space_get(space, list + LIST_ITEMS);
	struct object_reader *reader = &fixture->objects.reader;

	space_put(space, items - 8, 608 | 1);
	space_put(space, items + 600, 32 | 1); /* of the next chunk: this one is in use */
	space_put(space, items + 632, 1);      /* and a fence */
	space_dict_add(space, space->main, "OTHER", list);
	look(fixture);
	uint32_t type = graph_type(&fixture->objects.graph,
				   graph_find(&fixture->objects.graph, list, false));
	assert_int_equal(object_payload(reader, list, type), 71 * 8);
	space_put(space, list + LIST_ALLOCATED, 140);
	look(fixture);
	assert_int_equal(object_payload(reader, list, type), 0);
	space_put(space, list + LIST_ALLOCATED, 20000);
	look(fixture);
	assert_int_equal(object_payload(reader, list, type), 70 * 8);
}

static const struct look_type *find_type(const struct look *look, const char *name)
{
	for (size_t i = 0; i < look->type_count; i++)
		if (!strcmp(look->types[i].name, name))
			return &look->types[i];
	return NULL;
}

/* What a report has of another language stays as it is beside the types of Python. */
static void test_types_beside_others(void **state)
{
	const struct objects_request request = {.containers = 5};
	struct look_type others[] = {
		{.name = "Cache", .language = "c++", .count = 3, .bytes = 1 << 30},
		{.name = "Row", .language = "c++", .count = 1, .bytes = 1}};
	struct fixture *fixture = *state;
	struct look *report = look_new();

	look(fixture);
	report->types = others;
	report->type_count = 2;
	objects_report(&fixture->objects, &request, report);
	assert_string_equal(report->types[0].name, "Cache"); /* the largest */
	assert_string_equal(report->types[0].language, "c++");
	assert_int_equal(report->types[0].count, 3);
	assert_int_equal(find_type(report, "Row")->bytes, 1);
	assert_int_equal(find_type(report, "list")->count, count_of(fixture, "list"));
	assert_string_equal(find_type(report, "list")->language, "python");
	assert_true(report->container_count > 0 && report->container_count <= 5);
	for (size_t i = 1; i < report->container_count; i++)
		assert_true(report->containers[i - 1].bytes >= report->containers[i].bytes);
	look_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_counts),
		TEST(test_names),
		TEST(test_freed_blocks_are_no_objects),
		TEST(test_items_in_pools_that_come_later),
		TEST(test_torn_pools_are_counted),
		TEST(test_free_lists_that_go_round),
		TEST(test_headers_that_are_none),
		TEST(test_types_that_are_none),
		TEST(test_a_list_head_is_no_type),
		TEST(test_types_that_are_not_ready),
		TEST(test_lengths_that_lie),
		TEST(test_references_to_the_end_of_all_addresses),
		TEST(test_rings_end),
		TEST(test_lists_of_the_same_items),
		TEST(test_long_chains),
		TEST(test_names_are_cut),
		TEST(test_block_that_came_after_its_pool),
		TEST(test_block_that_was_something_else),
		TEST(test_words_behind_an_object),
		TEST(test_torn_sizes),
		TEST(test_types_beside_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
