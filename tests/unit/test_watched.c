/* SPDX-License-Identifier: BSD-2-Clause */
/* Who wrote a word that was watched: as an answer has it, and as it is told. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/watched.h"
#include "service/fills.h"

enum { FRAMES_MOST = 64, FILLS_MOST = 64 };

/* --- as an answer has it --- */

static const struct watch_frame stack[] = {
	{.function = "append", .file = "/usr/lib/python3/queue.py", .line = 7},
	{.function = NULL, .file = NULL},
	{.function = "serve", .file = "/app/shop.py", .line = 12, .own = true},
	{.function = "main", .file = "/app/shop.py", .line = 40, .own = true},
};

static struct zone *zone;

static int setup(void **state)
{
	(void)state;
	zone = zone_new();
	return zone ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	zone_free(zone);
	return 0;
}

static struct watch_writer writer_of(enum watch_change change, int64_t net)
{
	return (struct watch_writer){
		.change = change, .count = 5, .net = net, .frames = stack, .frame_count = 4};
}

static void test_frames_are_copied(void **state)
{
	struct watch_writer writer = writer_of(WATCH_GREW, 3);
	const struct watch_result result = {.writers = &writer, .writer_count = 1};
	struct fills fills = {0};

	(void)state;
	fills_take(&fills, zone, WORD_LENGTH, &result);
	assert_int_equal(fills.grow_count, 1);
	assert_int_equal(fills.shrink_count, 0);
	assert_int_equal(fills.grow[0].delta, 3);
	assert_int_equal(fills.grow[0].count, 5);
	assert_int_equal(fills.grow[0].frame_count, 4);
	assert_int_equal(fills.grow[0].own, 2);
	assert_string_equal(fills.grow[0].frames[0].function, "append");
	assert_ptr_not_equal(fills.grow[0].frames[0].function, stack[0].function);
	assert_string_equal(fills.grow[0].frames[1].function, "?");
	assert_null(fills.grow[0].frames[1].file);
	assert_int_equal(fills.grow[0].frames[2].line, 12);
	assert_true(fills.grow[0].frames[2].own);
}

static void test_where_nothing_is_ones_own(void **state)
{
	struct watch_writer writer = writer_of(WATCH_GREW, 3);
	const struct watch_result result = {.writers = &writer, .writer_count = 1};
	struct fills fills = {0};

	(void)state;
	writer.frame_count = 2;
	fills_take(&fills, zone, WORD_LENGTH, &result);
	assert_int_equal(fills.grow[0].own, 2);
}

static void test_what_counts_as_growth(void **state)
{
	struct watch_writer writers[] = {
		writer_of(WATCH_GREW, 2),
		writer_of(WATCH_SHRANK, -2),
		writer_of(WATCH_REPLACED, 0),
		writer_of(WATCH_SAME, 0),
	};
	const struct watch_result result = {.writers = writers, .writer_count = 4};
	struct fills length = {0}, slot = {0}, instances = {0};

	(void)state;
	fills_take(&length, zone, WORD_LENGTH, &result);
	assert_int_equal(length.grow_count, 1);
	assert_int_equal(length.shrink_count, 1);
	assert_int_equal(length.shrink[0].delta, -2);
	fills_take(&slot, zone, WORD_SLOT, &result);
	assert_int_equal(slot.grow_count, 1); /* from the same lines */
	assert_int_equal(slot.grow[0].count, writers[0].count + writers[2].count);
	assert_int_equal(slot.shrink_count, 0);
	fills_take(&instances, zone, WORD_REFCOUNT, &result);
	assert_int_equal(instances.grow_count, 1);
	assert_int_equal(instances.shrink_count, 0);
}

static void test_no_more_than_there_is_room_for(void **state)
{
	static struct watch_frame deep[FILLS_MOST + 2][FRAMES_MOST + 6];
	struct watch_writer writers[FILLS_MOST + 2];
	const struct watch_result result = {.writers = writers, .writer_count = FILLS_MOST + 2};
	struct fills fills = {0};

	(void)state;
	for (size_t i = 0; i < FILLS_MOST + 2; i++) {
		writers[i] = writer_of(WATCH_GREW, 100 - (int64_t)i);
		deep[i][0].line = (uint32_t)i + 1;
		deep[i][FRAMES_MOST].own = true;
		writers[i].frames = deep[i];
		writers[i].frame_count = FRAMES_MOST + 6;
	}
	fills_take(&fills, zone, WORD_LENGTH, &result);
	assert_int_equal(fills.grow_count, FILLS_MOST);
	assert_int_equal(fills.grow[0].delta, 100);
	assert_int_equal(fills.grow[FILLS_MOST - 1].delta, 101 - FILLS_MOST);
	assert_int_equal(fills_told(FILLS_MOST), 8);
	assert_int_equal(fills_told(3), 3);
	assert_int_equal(fills.grow[0].frame_count, FRAMES_MOST);
	assert_int_equal(fills.grow[0].own, FRAMES_MOST);
}

/* Of two watches, the second of which sees who fills it for good. */
static void test_what_stays_is_put_first(void **state)
{
	struct watch_frame often = {.function = "begin", .line = 1};
	struct watch_frame seldom = {.function = "forget", .line = 2};
	struct watch_writer writers[] = {writer_of(WATCH_GREW, 900), writer_of(WATCH_SHRANK, -900),
					 writer_of(WATCH_GREW, 4)};
	struct watch_result result = {.writers = writers, .writer_count = 2};
	struct fills fills = {0};

	(void)state;
	assert_false(fills_tell(&fills, 4));
	writers[0].frames = writers[1].frames = &often;
	writers[2].frames = &seldom;
	writers[0].frame_count = writers[1].frame_count = writers[2].frame_count = 1;
	fills_take(&fills, zone, WORD_LENGTH, &result);
	assert_false(fills_tell(&fills, 4));
	result.writer_count = 3;
	fills_take(&fills, zone, WORD_LENGTH, &result);
	fills_put_first(&fills, 4);
	assert_int_equal(fills.grow_count, 2);
	assert_string_equal(fills.grow[0].frames[0].function, "forget");
	assert_int_equal(fills.grow[1].delta, 1800);
	assert_true(fills_tell(&fills, 4));
}

/* A key is referred to for a moment by all who look it up. */
static void test_who_makes_dictionaries_with_a_key(void **state)
{
	struct watch_writer writers[] = {
		writer_of(WATCH_SAME, 0),
		writer_of(WATCH_GREW, 1),
		writer_of(WATCH_GREW, 7),
		writer_of(WATCH_GREW, 5),
	};
	const struct watch_result result = {.writers = writers, .writer_count = 4, .grew = 900};
	struct fills fills = {0};

	(void)state;
	writers[0].count = 800;
	writers[1].count = 1;
	writers[2].count = 7;
	writers[3].count = 45;
	fills_take(&fills, zone, WORD_KEY, &result);
	assert_int_equal(fills.grow_count, 1);
	assert_int_equal(fills.grow[0].delta, 7);
	assert_int_equal(fills_entries(WORD_KEY, &result), 7);
	assert_int_equal(fills_entries(WORD_LENGTH, &result), 900);
}

static void test_how_a_word_is_watched(void **state)
{
	(void)state;
	assert_int_equal(watch_kind_of(WORD_LENGTH), WATCH_LENGTH);
	assert_int_equal(watch_kind_of(WORD_SLOT), WATCH_SLOT);
	assert_int_equal(watch_kind_of(WORD_REFCOUNT), WATCH_REFCOUNT);
}

/* --- as it is told --- */

static const struct answer_frame frame = {"serve", "/app/shop.py", 12, true};
static const struct answer_fill fill = {3, 5, &frame, 1, 0}, empty = {-1, 2, &frame, 1, 0};

static struct watched watched_of(void)
{
	return (struct watched){
		.pid = 7,
		.comm = "shop",
		.name = "shop.CACHE",
		.type = "dict",
		.changes = "entries",
		.net = 3,
		.watched_s = 4.26,
	};
}

static char *told(const struct watched *watched, int (*print)(const struct watched *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_int_equal(print(watched, file), 0);
	fclose(file);
	return text;
}

static void assert_text(const struct watched *watched, const char *expected)
{
	char *text = told(watched, watched_text);

	assert_string_equal(text, expected);
	free(text);
}

static void test_little_happened(void **state)
{
	struct watched watched = watched_of();

	(void)state;
	assert_text(&watched, "shop 7  dict shop.CACHE\n+3 entries in 4.3 s\n");
	watched.type = NULL;
	watched.forks = 1;
	watched.watched_s = 10;
	watched.end = "the process has ended";
	assert_text(&watched, "shop 7 + 1 worker  shop.CACHE\n"
			      "+3 entries in 10 s; the process has ended\n");
}

static void test_who_filled_and_emptied_it(void **state)
{
	struct watched watched = watched_of();

	(void)state;
	watched.grew = 5;
	watched.shrank = 2;
	watched.hits = 7;
	watched.hit_us = 3.2;
	watched.forks = 2;
	watched.unsure = 4;
	watched.fills = &fill;
	watched.fill_count = 1;
	watched.empties = &empty;
	watched.empty_count = 1;
	assert_text(&watched, "shop 7 + 2 workers  dict shop.CACHE\n"
			      "+3 entries: up 5 times, down 2 times in 4.3 s; 3 us of its time for "
			      "each\n"
			      "and 4 first writes in forked processes, up or down\n"
			      "  filled by   5 times: serve (app/shop.py:12)\n"
			      "  emptied by  2 times: serve (app/shop.py:12)\n");
}

static void test_what_was_replaced_has_no_ups_and_downs(void **state)
{
	struct watched watched = watched_of();

	(void)state;
	watched.replaced = 9;
	watched.grew = 9;
	assert_text(&watched, "shop 7  dict shop.CACHE\nreplaced 9 times in 4.3 s\n");
}

static int64_t number_in(struct json_object *object, const char *key)
{
	return json_object_get_int64(json_object_object_get(object, key));
}

static void test_all_of_it_for_programs(void **state)
{
	struct watched watched = watched_of();
	struct json_object *object, *fills;

	(void)state;
	watched.address = 4096;
	watched.value = 11;
	watched.hits = 12;
	watched.grew = 13;
	watched.shrank = 14;
	watched.replaced = 15;
	watched.follows_forks = true;
	watched.forks = 16;
	watched.unsure = 17;
	watched.net = -18;
	watched.fills = &fill;
	watched.fill_count = 1;
	char *text = told(&watched, watched_json);
	object = json_tokener_parse(text);
	free(text);
	assert_non_null(object);
	assert_string_equal(json_object_get_string(json_object_object_get(object, "schema")),
			    "unfreed/watch/1");
	assert_int_equal(number_in(object, "pid"), 7);
	assert_int_equal(number_in(object, "address"), 4096);
	assert_int_equal(number_in(object, "value"), 11);
	assert_int_equal(number_in(object, "hits"), 12);
	assert_int_equal(number_in(object, "grew"), 13);
	assert_int_equal(number_in(object, "shrank"), 14);
	assert_int_equal(number_in(object, "replaced"), 15);
	assert_int_equal(number_in(object, "forks"), 16);
	assert_int_equal(number_in(object, "unsure"), 17);
	assert_int_equal(number_in(object, "net"), -18);
	assert_true(json_object_get_boolean(json_object_object_get(object, "follows_forks")));
	fills = json_object_object_get(object, "filled_by");
	assert_int_equal(json_object_array_length(fills), 1);
	fills = json_object_object_get(object, "emptied_by");
	assert_int_equal(json_object_array_length(fills), 0);
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_frames_are_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where_nothing_is_ones_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_counts_as_growth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_makes_dictionaries_with_a_key, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_more_than_there_is_room_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_stays_is_put_first, setup, teardown),
		cmocka_unit_test(test_how_a_word_is_watched),
		cmocka_unit_test(test_little_happened),
		cmocka_unit_test(test_who_filled_and_emptied_it),
		cmocka_unit_test(test_what_was_replaced_has_no_ups_and_downs),
		cmocka_unit_test(test_all_of_it_for_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
