/* SPDX-License-Identifier: BSD-2-Clause */
/* What recorded processes grew by, what of it was seen, and what is said of the rest. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analyze/grown.h"
#include "output/grown_label.h"
#include "snapshots.h"

#define MB UINT64_C(1000000)

static int setup(void **state)
{
	struct snapshot *snapshot = snapshot_new();

	add_target(snapshot, 12, "service", "/usr/bin/service", "x");
	*state = snapshot;
	return 0;
}

static int teardown(void **state)
{
	snapshot_free(*state);
	return 0;
}

static struct target_moment moment(uint64_t malloc_live, uint64_t anonymous, uint64_t files)
{
	struct target_moment moment = {
		.known = true,
		.parts_known = true,
		.resident_bytes = malloc_live + anonymous + files,
		.anonymous_bytes = malloc_live + anonymous,
	};

	moment.parts[PART_MALLOC_LIVE] = malloc_live;
	moment.parts[PART_ANONYMOUS] = anonymous;
	moment.parts[PART_FILES] = files;
	return moment;
}

static void see(struct snapshot *snapshot, size_t target, uint64_t bytes)
{
	static const struct frame leaf = {"leak", NULL, "/usr/bin/service", 1, 0, FRAME_NATIVE};

	add_stack(snapshot, target, &leaf, 1, bytes, 1);
}

static char *print(const struct snapshot *snapshot)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_int_equal(grown_print(file, snapshot), 0);
	fclose(file);
	return text;
}

static void assert_says(const struct snapshot *snapshot, const char *expected)
{
	char *text = print(snapshot);

	assert_string_equal(text, expected);
	free(text);
}

static void test_unknown(void **state)
{
	struct snapshot *snapshot = *state;

	see(snapshot, 0, MB);
	assert_says(snapshot, "");
	snapshot->targets[0].first = moment(10 * MB, 0, 0); /* it has ended since */
	assert_says(snapshot, "");
}

static void test_all_was_seen(void **state)
{
	struct snapshot *snapshot = *state;

	snapshot->targets[0].first = moment(10 * MB, 5 * MB, 3 * MB);
	snapshot->targets[0].last = moment(18 * MB, 5 * MB, 6 * MB);
	see(snapshot, 0, 8 * MB);
	assert_says(snapshot,
		    "memory  29.0 MB resident, +11.0 MB: malloc live +8.0 MB, files +3.0 MB\n"
		    "        seen and not freed: malloc +8.0 MB; unexplained 0 B\n");
}

static void test_mappings_of_its_own(void **state)
{
	struct snapshot *snapshot = *state;

	snapshot->targets[0].first = moment(10 * MB, 5 * MB, 0);
	snapshot->targets[0].last = moment(10 * MB, 105 * MB, 0);
	snapshot->targets[0].own_mappings = snapshot_intern(snapshot, "P\x1bHP");
	assert_says(
		snapshot,
		"memory  115.0 MB resident, +100.0 MB: anonymous +100.0 MB\n"
		"        seen and not freed: nothing; unexplained +100.0 MB, most of it in memory\n"
		"        that it maps itself, not by malloc: P\\x1bHP\n");
}

static void test_more_was_seen(void **state)
{
	struct snapshot *snapshot = *state;

	snapshot->targets[0].first = moment(10 * MB, 0, 0);
	snapshot->targets[0].last = moment(11 * MB, 0, 0);
	see(snapshot, 0, 4 * MB);
	assert_says(
		snapshot,
		"memory  11.0 MB resident, +1.0 MB: malloc live +1.0 MB\n"
		"        seen and not freed: malloc +4.0 MB; 3.0 MB of it in the place of what\n"
		"        was free, or freed since\n");
}

/* No more than was seen can be in the place of anything. */
static void test_it_shrank(void **state)
{
	struct snapshot *snapshot = *state;

	snapshot->targets[0].first = moment(10 * MB, 8 * MB, 0);
	snapshot->targets[0].last = moment(10 * MB, 2 * MB, 0);
	assert_says(snapshot, "memory  12.0 MB resident, -6.0 MB: anonymous -6.0 MB\n"
			      "        seen and not freed: nothing\n");
	see(snapshot, 0, 16);
	assert_says(
		snapshot,
		"memory  12.0 MB resident, -6.0 MB: anonymous -6.0 MB\n"
		"        seen and not freed: malloc +16 B; 16 B of it in the place of what was\n"
		"        free, or freed since\n");
}

/* One that came later has no first moment: the rest is told of the others. */
static void test_several(void **state)
{
	struct snapshot *snapshot = *state;
	struct grown grown;

	add_target(snapshot, 13, "service", "/usr/bin/service", "x");
	add_target(snapshot, 14, "service", "/usr/bin/service", "x");
	for (size_t i = 0; i < 2; i++) {
		snapshot->targets[i].first = moment(10 * MB, 0, 0);
		snapshot->targets[i].last = moment(14 * MB, 0, 0);
	}
	snapshot->targets[1].last.parts_known = false;
	snapshot->targets[2].last = moment(100 * MB, 0, 0);
	see(snapshot, 0, 3 * MB);
	see(snapshot, 2, 50 * MB);
	grown_sum(snapshot, &grown);
	assert_int_equal(grown.processes, 2);
	assert_int_equal(grown.used, 8 * MB);
	assert_int_equal(grown.seen[DOMAIN_MALLOC], 3 * MB);
	assert_int_equal(grown.unexplained, 5 * MB);
	snapshot->targets[0].last.known = false; /* of the other one alone */
	grown_sum(snapshot, &grown);
	assert_int_equal(grown.unexplained, 4 * MB);
	assert_false(grown.parts_known);
}

/* What was taken from malloc before any probe was there is no growth that malloc hides. */
static void test_where(void **state)
{
	struct snapshot *snapshot = *state;
	enum look_part_id where;
	struct grown grown;

	snapshot->targets[0].first = moment(10 * MB, 0, 0);
	snapshot->targets[0].last = moment(30 * MB, 4 * MB, 0);
	see(snapshot, 0, 2 * MB);
	grown_sum(snapshot, &grown);
	assert_true(grown_is_unexplained(&grown, &where));
	assert_int_equal(where, PART_MALLOC_LIVE);
	see(snapshot, 0, 18 * MB);
	grown_sum(snapshot, &grown);
	assert_true(grown_is_unexplained(&grown, &where));
	assert_int_equal(where, PART_ANONYMOUS);
	see(snapshot, 0, 3500000);
	grown_sum(snapshot, &grown);
	assert_false(grown_is_unexplained(&grown, &where));
	assert_int_equal(where, PART_COUNT);
}

/* What was seen of Python's blocks is none of malloc's, and the other way round. */
static void test_where_beside_python(void **state)
{
	struct snapshot *snapshot = *state;
	struct target *target = &snapshot->targets[0];
	enum look_part_id where;
	struct grown grown;

	target->first = moment(10 * MB, 0, 0);
	target->last = moment(20 * MB, 0, 0);
	target->last.parts[PART_PYTHON_LIVE] = 20 * MB;
	target->last.anonymous_bytes += 20 * MB;
	target->last.resident_bytes += 20 * MB;
	see(snapshot, 0, 19 * MB);
	snapshot->stacks[0].domain = DOMAIN_PYTHON;
	grown_sum(snapshot, &grown);
	assert_true(grown_is_unexplained(&grown, &where));
	assert_int_equal(where, PART_MALLOC_LIVE);
	snapshot->stacks[0].domain = DOMAIN_MALLOC;
	grown_sum(snapshot, &grown);
	assert_true(grown_is_unexplained(&grown, &where));
	assert_int_equal(where, PART_PYTHON_LIVE);
}

/* What an allocator keeps is worth a word by its size, or by its growth. */
static void test_kept(void **state)
{
	struct snapshot *snapshot = *state;
	struct target *target = &snapshot->targets[0];
	struct grown grown;

	target->first = moment(100 * MB, 0, 0);
	target->last = moment(110 * MB, 0, 0);
	target->last.parts[PART_MALLOC_FREE_PINNED] = MB - 1;
	grown_sum(snapshot, &grown);
	assert_false(grown_keeps_much(&grown));
	target->last.parts[PART_MALLOC_FREE_RETURNABLE] = MB; /* more than a tenth of 10 MB */
	grown_sum(snapshot, &grown);
	assert_true(grown_keeps_much(&grown));
	assert_int_equal(grown.last[PART_MALLOC_FREE_RETURNABLE], MB);
	target->first.parts[PART_MALLOC_FREE_RETURNABLE] = MB; /* it was there */
	grown_sum(snapshot, &grown);
	assert_false(grown_keeps_much(&grown));
	target->last.parts[PART_MALLOC_CACHE] = 10 * MB; /* a tenth of all */
	target->first.parts[PART_MALLOC_CACHE] = 10 * MB;
	grown_sum(snapshot, &grown);
	assert_true(grown_keeps_much(&grown));
	target->last.parts_known = false;
	grown_sum(snapshot, &grown);
	assert_false(grown_keeps_much(&grown));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_was_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mappings_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more_was_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_shrank, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where_beside_python, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
