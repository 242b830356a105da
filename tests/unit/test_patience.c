/* SPDX-License-Identifier: BSD-2-Clause */
/* What files that are never read to their end may cost a run of a month, by a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "confine/patience.h"

enum { WAIT_MS = 20000, HOUR_MS = 3600 * 1000 };

static struct stat file_of(ino_t inode)
{
	return (struct stat){.st_dev = 7, .st_ino = inode, .st_mtim.tv_sec = 1};
}

/* Waits for a file as long as it is given, in vain. Returns how long. */
static int64_t wait_in_vain(struct patience *patience, ino_t inode, int64_t *now_ms)
{
	const struct stat file = file_of(inode);
	int64_t wait_ms = patience_for(patience, &file, *now_ms);

	*now_ms += wait_ms;
	if (wait_ms)
		patience_note(patience, &file, wait_ms, *now_ms);
	return wait_ms;
}

/* Of another file than all of these. */
static int64_t wait_for_another(struct patience *patience, int64_t now_ms)
{
	const struct stat file = file_of(1000000);

	return patience_for(patience, &file, now_ms);
}

static void test_a_file_has_two_tries(void **state)
{
	struct patience patience;
	struct stat changed = file_of(1);
	int64_t now_ms = 5;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), WAIT_MS);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), WAIT_MS);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), 0);
	assert_int_not_equal(wait_for_another(&patience, now_ms), 0);
	changed.st_mtim.tv_nsec = 1;
	assert_int_not_equal(patience_for(&patience, &changed, now_ms), 0);
	changed = file_of(1);
	changed.st_dev++;
	assert_int_not_equal(patience_for(&patience, &changed, now_ms), 0);
}

static void test_an_hour_later_it_has_two_more(void **state)
{
	struct patience patience;
	int64_t now_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	wait_in_vain(&patience, 1, &now_ms);
	wait_in_vain(&patience, 1, &now_ms);
	assert_int_equal(wait_in_vain(&patience, 1, &(int64_t){now_ms + HOUR_MS - 1}), 0);
	now_ms += HOUR_MS;
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), WAIT_MS);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), WAIT_MS);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), 0);
}

static void test_it_is_used_up_by_three_waits(void **state)
{
	struct patience patience;
	int64_t now_ms = 0, waited_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	for (ino_t inode = 1; inode <= PATIENCE_WAITS; inode++)
		waited_ms += wait_in_vain(&patience, inode, &now_ms);
	assert_int_equal(waited_ms, PATIENCE_WAITS * WAIT_MS);
	for (ino_t inode = 10; inode < 20; inode++)
		assert_int_equal(wait_in_vain(&patience, inode, &now_ms), PATIENCE_LEAST_MS);
}

static void test_it_refills(void **state)
{
	struct patience patience;
	int64_t now_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	for (ino_t inode = 1; inode <= 100; inode++)
		wait_in_vain(&patience, inode, &now_ms);
	assert_int_equal(wait_for_another(&patience, now_ms), PATIENCE_LEAST_MS);
	/* what is asked for often comes back as fast as what is asked for once */
	for (int i = 0; i < 5000 * PATIENCE_SHARE; i++)
		wait_for_another(&patience, ++now_ms);
	assert_in_range(wait_for_another(&patience, now_ms), 5000, 5001);
	now_ms += (int64_t)WAIT_MS * PATIENCE_SHARE;
	assert_int_equal(wait_for_another(&patience, now_ms), WAIT_MS);
}

static void test_it_holds_no_more_than_at_first(void **state)
{
	struct patience patience;
	int64_t now_ms = 0, waited_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	now_ms += INT64_C(30) * 24 * HOUR_MS;
	for (ino_t inode = 1; inode <= PATIENCE_WAITS; inode++)
		waited_ms += wait_in_vain(&patience, inode, &now_ms);
	assert_int_equal(waited_ms, PATIENCE_WAITS * WAIT_MS);
	/* what came back while these were waited for */
	assert_int_equal(wait_in_vain(&patience, 10, &now_ms), PATIENCE_LEAST_MS);
}

/* A new slow file each minute, for a month. */
static void test_a_month_of_slow_files(void **state)
{
	const int64_t month_ms = INT64_C(30) * 24 * HOUR_MS;
	struct patience patience;
	int64_t now_ms = 0, waited_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	for (ino_t inode = 1; now_ms < month_ms; inode++) {
		waited_ms += wait_in_vain(&patience, inode, &now_ms);
		now_ms += 60000;
	}
	assert_in_range(waited_ms, month_ms / 100, month_ms / 50);
	now_ms += HOUR_MS;
	assert_int_equal(wait_for_another(&patience, now_ms), WAIT_MS);
}

/* So many others do not make one forgotten that was slow after them. */
static void test_the_oldest_is_forgotten_first(void **state)
{
	struct patience patience;
	int64_t now_ms = 0;

	(void)state;
	patience_init(&patience, WAIT_MS, now_ms);
	wait_in_vain(&patience, 1, &now_ms);
	for (ino_t inode = 2; inode <= PATIENCE_FILES; inode++)
		wait_in_vain(&patience, inode, &now_ms);
	wait_in_vain(&patience, 1, &now_ms);
	wait_in_vain(&patience, 1000, &now_ms);
	assert_int_equal(wait_in_vain(&patience, 1, &now_ms), 0);
	wait_in_vain(&patience, 3, &now_ms);
	assert_int_equal(wait_in_vain(&patience, 3, &now_ms), 0);
	wait_in_vain(&patience, 2, &now_ms); /* was forgotten for 1000 */
	assert_int_not_equal(wait_in_vain(&patience, 2, &now_ms), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_has_two_tries),
		cmocka_unit_test(test_an_hour_later_it_has_two_more),
		cmocka_unit_test(test_it_is_used_up_by_three_waits),
		cmocka_unit_test(test_it_refills),
		cmocka_unit_test(test_it_holds_no_more_than_at_first),
		cmocka_unit_test(test_a_month_of_slow_files),
		cmocka_unit_test(test_the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
