/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains found from their heads, in a made-up interpreter (object_space.h) that is streamed. */
#include "object_fixture.h"
#include "python/objects/heads.h"

enum {
	OLD = 30,
	NEW = 20, /* before each look but the first */
	LOOKS = 4,
	ENTRY_OF_PLAIN = 2, /* of main */
	STREAMED_BYTES = 512 << 10,
};

#define NOWHERE UINT64_C(0x10000)

static uint64_t add_links(struct object_space *space, uint64_t head, size_t count)
{
	while (count--)
		head = space_another_plain(space, head);
	return head;
}

static uint64_t next_of(struct object_space *space, uint64_t link)
{
	return space_get(space, space_get(space, link - 32));
}

static void set_next(struct object_space *space, uint64_t link, uint64_t next)
{
	space_put(space, space_get(space, link - 32), next);
}

static uint64_t nth_of(struct object_space *space, uint64_t head, size_t steps)
{
	while (steps--)
		head = next_of(space, head);
	return head;
}

static void look_streamed(struct fixture *fixture)
{
	fixture->objects.budget_bytes = STREAMED_BYTES;
	fixture->objects.streamed = true;
	assert_int_equal(objects_look(&fixture->objects, true), 0);
	assert_true(fixture->objects.streamed);
}

/* A chain whose head is an entry of main's dictionary, or another's. Returns the head. */
static uint64_t grow_chain(struct fixture *fixture, uint64_t dict, size_t entry)
{
	struct object_space *space = fixture->space;
	uint64_t head = add_links(space, space->rows, OLD);

	space_put(space, space_dict_place(space, dict, entry), head);
	look_streamed(fixture);
	for (size_t i = 1; i < LOOKS; i++) {
		head = add_links(space, head, NEW);
		space_put(space, space_dict_place(space, dict, entry), head);
		look_streamed(fixture);
	}
	return head;
}

static uint32_t plain_type(struct fixture *fixture)
{
	struct objects *objects = &fixture->objects;
	uint32_t type = python_types_find(&objects->types, objects->view, space_type(SPACE_PLAIN));

	assert_true(type);
	return type;
}

static struct chain_heads find(struct fixture *fixture)
{
	bool *linked = calloc(TYPES_MAX + 1, sizeof(*linked));
	struct chain_heads heads;

	linked[plain_type(fixture)] = true;
	chain_heads_find(&heads, &fixture->objects, linked);
	free(linked);
	return heads;
}

static void assert_new_links(const struct chain_heads *heads, uint64_t links)
{
	assert_int_equal(heads->count, 1);
	/* some newcomers are taken for old */
	assert_in_range(heads->items[0].new_links, links - links / 20, links);
}

static void test_new_links_at_the_head(void **state)
{
	struct fixture *fixture = *state;
	struct chain_heads heads;

	grow_chain(fixture, fixture->space->main, ENTRY_OF_PLAIN);
	heads = find(fixture);
	assert_new_links(&heads, (LOOKS - 1) * NEW);
	assert_string_equal(heads.items[0].name, "main.PLAIN");
	assert_string_equal(heads.items[0].links_name, "main.PLAIN.rows");
	assert_int_equal(heads.items[0].type, plain_type(fixture));
	assert_in_range(heads.items[0].bytes, 48, 200);
	chain_heads_release(&heads);
}

static void test_nothing_new(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct chain_heads heads;

	space_put(space, space_dict_place(space, space->main, ENTRY_OF_PLAIN),
		  add_links(space, space->rows, OLD));
	for (size_t i = 0; i < LOOKS; i++)
		look_streamed(fixture);
	heads = find(fixture);
	assert_int_equal(heads.count, 0);
	chain_heads_release(&heads);
}

/* Some steps from the module, where it is told by them. */
static void test_head_in_a_container(void **state)
{
	struct fixture *fixture = *state;
	struct chain_heads heads;

	grow_chain(fixture, fixture->space->dict, 0);
	heads = find(fixture);
	assert_new_links(&heads, (LOOKS - 1) * NEW);
	assert_string_equal(heads.items[0].name, "main.DICT[*]");
	assert_string_equal(heads.items[0].links_name, "main.DICT[*].rows");
	chain_heads_release(&heads);
}

/* An attribute is in a dictionary of the instance's own. */
static uint64_t link_by_dict(struct object_space *space, uint64_t next)
{
	uint64_t link = space_object(space, SPACE_PLAIN, 16), dict = space_dict(space);

	space_dict_add(space, dict, "after", next);
	space_put(space, link - 24, dict);
	return link;
}

static void test_links_by_dictionaries(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct chain_heads heads;
	uint64_t head = space->rows;

	for (size_t i = 0; i < LOOKS; i++) {
		for (size_t links = 0; links < 8; links++)
			head = link_by_dict(space, head);
		space_put(space, space_dict_place(space, space->main, ENTRY_OF_PLAIN), head);
		look_streamed(fixture);
	}
	assert_true(object_is_link(&fixture->objects, head, plain_type(fixture)));
	heads = find(fixture);
	assert_new_links(&heads, (LOOKS - 1) * 8);
	assert_string_equal(heads.items[0].links_name, "main.PLAIN.after");
	chain_heads_release(&heads);
}

static void test_what_is_a_link(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	struct objects *objects = &fixture->objects;
	uint64_t first = space_another_plain(space, space->rows);
	uint64_t second = space_another_plain(space, first);
	uint64_t itself = space_another_plain(space, 0);
	uint64_t last[] = {NOWHERE, UINT64_MAX, first + 4, first + 8, space->list, 0};

	set_next(space, itself, itself);
	look_streamed(fixture);
	uint32_t type = plain_type(fixture);
	assert_true(object_is_link(objects, second, type));
	assert_false(object_is_link(objects, first, type));
	assert_false(object_is_link(objects, itself, type));
	assert_false(object_is_link(objects, NOWHERE, type));
	assert_false(object_is_link(objects, UINT64_MAX - 7, type));
	for (size_t i = 0; i < sizeof(last) / sizeof(*last); i++) {
		set_next(space, second, last[i]);
		view_clear(objects->view, &objects->regions);
		assert_false(object_is_link(objects, second, type));
	}
	set_next(space, second, first);
	space_put(space, first, UINT64_C(1) << 62); /* no count of references */
	view_clear(objects->view, &objects->regions);
	assert_false(object_is_link(objects, second, type));
}

/* --- what is read may be anything --- */

/* Chains that come back to where they were: counted until that is seen, and no more. */
static void test_chains_without_end(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	const size_t links = (LOOKS - 1) * NEW;
	uint64_t head = grow_chain(fixture, space->main, ENTRY_OF_PLAIN);
	uint64_t last = nth_of(space, head, links - 1);
	struct chain_heads heads;

	set_next(space, last, head);
	heads = find(fixture);
	assert_new_links(&heads, links);
	chain_heads_release(&heads);
	for (size_t into = 1; into < links - 1; into += 7) {
		set_next(space, last, nth_of(space, head, into));
		heads = find(fixture);
		assert_int_equal(heads.count, 1);
		assert_in_range(heads.items[0].new_links, links - links / 20, 8 * links);
		chain_heads_release(&heads);
	}
}

struct lie {
	const char *name;
	uint64_t address;
	uint64_t value;
	size_t heads; /* found all the same */
};

/* Lengths, sizes and addresses that are none. What is on the way to the chain hides it, what is
 * beside that does not. */
static void test_lies(void **state)
{
	struct fixture *fixture = *state;
	struct object_space *space = fixture->space;
	uint64_t head = grow_chain(fixture, space->main, ENTRY_OF_PLAIN);
	uint64_t keys = space_get(space, space->main + DICT_KEYS), values = head - 32;
	uint64_t entry = space_dict_place(space, space->main, ENTRY_OF_PLAIN);
	uint64_t plain = space_type(SPACE_PLAIN), shared = space_get(space, plain + 872);
	const struct lie lies[] = {
		{"a list without end", space->list + LIST_LENGTH, UINT64_MAX / 16, 1},
		{"a list below nothing", space->list + LIST_LENGTH, UINT64_MAX, 1},
		{"items that are nowhere", space->list + LIST_ITEMS, NOWHERE, 1},
		{"a set without end", space->set + SET_MASK, UINT64_MAX, 1},
		{"a deque without end", space->deque + DEQUE_LENGTH, UINT64_MAX, 1},
		{"a deque that comes back", space_get(space, space->deque + DEQUE_LEFT),
		 space->deque, 1},
		{"a dictionary of very many", space->dict + DICT_USED, UINT64_MAX, 1},
		{"more entries than room", keys + 24, UINT64_MAX, 0},
		{"a table of any size", keys + 8, UINT64_MAX, 0},
		{"a table that is nowhere", space->main + DICT_KEYS, NOWHERE, 0},
		{"a table that is the heap's last word", space->main + DICT_KEYS,
		 SPACE_HEAP + SPACE_HEAP_BYTES - 8, 0},
		{"values that are nowhere", values, NOWHERE, 0},
		{"values that are odd", values, head + 1, 0},
		{"names of very many attributes", shared + 24, UINT64_MAX, 0},
		{"names in a table of any size", shared + 8, UINT64_MAX, 0},
		{"names that are nowhere", plain + 872, NOWHERE, 0},
		{"a head that is nowhere", entry, NOWHERE, 0},
		{"a head that is a type", entry, plain, 0},
		{"a module whose table is itself", space->main, UINT64_MAX, 0},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		uint64_t truth = space_get(space, lies[i].address);

		space_put(space, lies[i].address, lies[i].value);
		struct chain_heads heads = find(fixture);
		if (heads.count != lies[i].heads)
			fail_msg("%s: %zu heads", lies[i].name, heads.count);
		chain_heads_release(&heads);
		space_put(space, lies[i].address, truth);
	}
	struct chain_heads heads = find(fixture);
	assert_int_equal(heads.count, 1);
	chain_heads_release(&heads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_links_at_the_head),
		TEST(test_nothing_new),
		TEST(test_head_in_a_container),
		TEST(test_links_by_dictionaries),
		TEST(test_what_is_a_link),
		TEST(test_chains_without_end),
		TEST(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
