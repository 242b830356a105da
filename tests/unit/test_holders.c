/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what is asked for, in a made-up interpreter (object_space.h): by a graph of it, and
 * where its memory is streamed. What both say is the same.
 */
#include "object_fixture.h"

#include "python/objects/report.h"

enum { STREAMED_BYTES = 512 << 10, TEXT_BYTES = 4096 };

static void look_streamed(struct fixture *fixture)
{
	fixture->objects.budget_bytes = STREAMED_BYTES;
	fixture->objects.streamed = true;
	assert_int_equal(objects_look(&fixture->objects, true), 0);
	assert_true(fixture->objects.streamed);
}

/* The report on what is asked for; look_free() it. */
static struct look *ask(struct fixture *fixture, const char *text, bool with_keys)
{
	const struct objects_request request = {.holders = text, .with_keys = with_keys};
	struct look *report = look_new();

	if (fixture->objects.streamed)
		objects_report_holders_streamed(&fixture->objects, &request, report);
	else
		objects_report_holders(&fixture->objects, &request, report);
	assert_string_equal(report->asked_for, text);
	return report;
}

static void print_row(FILE *file, const struct look_holder *row)
{
	fprintf(file, "%s: %d, %d B", row->name, (int)row->count, (int)row->bytes);
	for (size_t i = 0; i < row->chain_length; i++) {
		const struct look_step *step = &row->chain[i];

		fprintf(file, "%s%s %s", i ? " > " : "; ", step->name ? step->name : step->edge,
			step->type);
	}
	putc('\n', file);
}

/* A line a holder, with the steps that lead to it. */
static void assert_holders(struct fixture *fixture, const char *text, const char *expected)
{
	struct look *report = ask(fixture, text, false);
	char actual[TEXT_BYTES] = "";
	FILE *file = fmemopen(actual, sizeof(actual) - 1, "w");

	assert_non_null(file);
	for (size_t i = 0; i < report->holder_count; i++) {
		assert_string_equal(report->holders[i].of, text);
		print_row(file, &report->holders[i]);
	}
	fclose(file);
	look_free(report);
	assert_string_equal(actual, expected);
}

/* The names of holders alone, where memory that is streamed tells bytes by another estimate. */
static void assert_names(struct fixture *fixture, const char *text, const char *expected)
{
	struct look *report = ask(fixture, text, false);
	char actual[TEXT_BYTES] = "";

	for (size_t i = 0; i < report->holder_count; i++) {
		strcat(actual, i ? " and " : "");
		strcat(actual, report->holders[i].name);
	}
	look_free(report);
	assert_string_equal(actual, expected);
}

/* The one object that is asked for, beside its holders. */
static void assert_asked(struct fixture *fixture, const char *text, const char *name,
			 const char *type, uint64_t length)
{
	struct look *report = ask(fixture, text, false);

	assert_int_equal(report->asked_count, 1);
	assert_string_equal(report->asked[0].name, name);
	assert_string_equal(report->asked[0].type, type);
	assert_int_equal(report->asked[0].length, length);
	look_free(report);
}

static const char *hex(uint64_t address)
{
	static char text[32];

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)address);
	return text;
}

/* Each test by a graph, then streamed. */
#define EITHER_WAY(name)                          \
	static void name##_by_graph(void **state) \
	{                                         \
		name(*state, look);               \
	}                                         \
	static void name##_streamed(void **state) \
	{                                         \
		name(*state, look_streamed);      \
	}

typedef void look_fn(struct fixture *fixture);

static void test_by_name(struct fixture *fixture, look_fn *look_at)
{
	look_at(fixture);
	assert_holders(fixture, "main.PLAIN.rows",
		       "main.PLAIN.rows: 1, 320 B; main module > .PLAIN Plain > .rows list\n");
	assert_asked(fixture, "main.PLAIN.rows", "main.PLAIN.rows", "list", 6);
	assert_holders(fixture, "main.LIST", "main.LIST: 1, 400 B; main module > .LIST list\n");
	assert_holders(fixture, "main.LIST[3]",
		       "main.LIST[3]: 1, 32 B; main module > .LIST list > [3] int\n");
	assert_asked(fixture, "main.LIST[3]", "main.LIST[3]", "int", 0);
	assert_holders(fixture, "main.DEQUE[*]",
		       "main.DEQUE[*]: 3, 480 B; main module > .DEQUE collections.deque > "
		       "[*] list\n");
	assert_holders(fixture, "main.DICT[*]",
		       "main.DICT[*]: 1, 240 B; main module > .DICT dict > [*] list\n");
}
EITHER_WAY(test_by_name)

static void test_what_has_no_such_name(struct fixture *fixture, look_fn *look_at)
{
	look_at(fixture);
	assert_holders(fixture, "main.LIST[8]", "");
	assert_holders(fixture, "main.LIS", "");
	assert_holders(fixture, "main.LIST.", "");
	assert_holders(fixture, "main.DICT['other']", "");
	assert_holders(fixture, "nothing", "");
	assert_holders(fixture, "0x10", "");
}
EITHER_WAY(test_what_has_no_such_name)

static void test_by_key(struct fixture *fixture, look_fn *look_at)
{
	struct look *report;

	look_at(fixture);
	report = ask(fixture, "main.DICT['secret']", true);
	assert_int_equal(report->holder_count, 1);
	assert_string_equal(report->holders[0].name, "main.DICT['secret']");
	look_free(report);
}
EITHER_WAY(test_by_key)

static void test_by_type(struct fixture *fixture, look_fn *look_at)
{
	look_at(fixture);
	assert_holders(fixture, "list",
		       "main.DEQUE[*]: 3, 480 B; main module > .DEQUE collections.deque > "
		       "[*] list\n"
		       "main.LIST: 1, 400 B; main module > .LIST list\n"
		       "main.PLAIN.rows: 1, 320 B; main module > .PLAIN Plain > .rows list\n"
		       "local kept of work (file.py:7), thread 1: 1, 272 B; "
		       "local kept of work (file.py:7), thread 1 list\n"
		       "main.DICT[*]: 1, 240 B; main module > .DICT dict > [*] list\n"
		       "main.CACHE[*]: 1, 192 B; main module > .CACHE functools._lru_cache_wrapper "
		       ">  dict > [*] list\n");
	assert_holders(fixture, "Plain", "main.PLAIN: 1, 432 B; main module > .PLAIN Plain\n");
	/* the last part of its name is enough */
	assert_asked(fixture, "deque", "main.DEQUE", "collections.deque", 3);
}
EITHER_WAY(test_by_type)

static void test_by_address(struct fixture *fixture, look_fn *look_at)
{
	struct object_space *space = fixture->space;

	look_at(fixture);
	assert_asked(fixture, hex(space->rows), "main.PLAIN.rows", "list", 6);
	assert_asked(fixture, hex(space->set), "main.SET", "set", 2);
	assert_holders(fixture, hex(space->kept),
		       "local kept of work (file.py:7), thread 1: 1, 272 B; "
		       "local kept of work (file.py:7), thread 1 list\n");
}
EITHER_WAY(test_by_address)

/* One object that two refer to: all that is below it is held by each. */
static void test_all_references_to_one(struct fixture *fixture, look_fn *look_at)
{
	struct object_space *space = fixture->space;
	uint64_t items[] = {space->rows};

	space_dict_add(space, space->main, "PAIR", space_tuple(space, items, 1));
	space_put(space, space->rows, 5);
	look_at(fixture);
	struct look *report = ask(fixture, hex(space->rows), false);
	assert_int_equal(report->holder_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(report->holders[i].bytes, 320);
	assert_int_equal(report->holders[0].count, 1);
	assert_int_equal(report->holders[2].count, 3);
	assert_string_equal(report->holders[2].name, HOLDER_UNFOUND);
	/* which of the two comes first is nobody's promise */
	bool pair_first = !strcmp(report->holders[0].name, "main.PAIR[0]");
	assert_string_equal(report->holders[!pair_first].name, "main.PAIR[0]");
	assert_string_equal(report->holders[pair_first].name, "main.PLAIN.rows");
	look_free(report);
}
EITHER_WAY(test_all_references_to_one)

/* Rows of one kind are one line. */
static void test_many_that_are_held_alike(struct fixture *fixture, look_fn *look_at)
{
	enum { ROWS = 20 };
	struct object_space *space = fixture->space;
	uint64_t list = space_list(space, ROWS), items = space_get(space, list + LIST_ITEMS);

	for (uint64_t i = 0; i < ROWS; i++)
		space_put(space, items + 8 * i, space_another_plain(space, space_list(space, 1)));
	space_dict_add(space, space->main, "ROWS", list);
	look_at(fixture);
	assert_holders(fixture, "Plain",
		       "main.ROWS[*]: 20, 4480 B; main module > .ROWS list > [*] Plain\n"
		       "main.PLAIN: 1, 432 B; main module > .PLAIN Plain\n");
	assert_holders(fixture, "main.ROWS[*].rows",
		       "main.ROWS[*].rows: 20, 2240 B; main module > .ROWS list > [*] Plain > "
		       ".rows list\n");
}
EITHER_WAY(test_many_that_are_held_alike)

/* What only itself refers to is garbage, as a graph shows; what nothing
 * refers to, C code may hold. */
static void test_what_nothing_reaches(struct fixture *fixture, look_fn *look_at)
{
	struct object_space *space = fixture->space;
	uint64_t cycle = space_list(space, 1), lost = space_list(space, 2);

	space_put(space, space_get(space, cycle + LIST_ITEMS), cycle);
	look_at(fixture);
	assert_names(fixture, hex(cycle),
		     fixture->objects.streamed ? HOLDER_UNFOUND : HOLDER_GARBAGE);
	assert_names(fixture, hex(lost), HOLDER_UNFOUND);
}
EITHER_WAY(test_what_nothing_reaches)

static void test_what_is_in_a_set(struct fixture *fixture, look_fn *look_at)
{
	struct object_space *space = fixture->space;
	uint64_t inner = space_list(space, 2), items[] = {inner};
	uint64_t outer = space_tuple(space, items, 1);

	space_put(space, space->set + SET_SMALL_TABLE, outer);
	look_at(fixture);
	assert_holders(fixture, hex(inner),
		       "main.SET[*][0]: 1, 160 B; main module > .SET set > [*] tuple > [0] list\n");
	assert_names(fixture, hex(outer), "main.SET[*]");
	assert_names(fixture, "set", "main.SET");
}
EITHER_WAY(test_what_is_in_a_set)

int main(void)
{
#define BOTH(name) TEST(name##_by_graph), TEST(name##_streamed)
	const struct CMUnitTest tests[] = {
		BOTH(test_by_name),
		BOTH(test_what_has_no_such_name),
		BOTH(test_by_key),
		BOTH(test_by_type),
		BOTH(test_by_address),
		BOTH(test_all_references_to_one),
		BOTH(test_many_that_are_held_alike),
		BOTH(test_what_nothing_reaches),
		BOTH(test_what_is_in_a_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
