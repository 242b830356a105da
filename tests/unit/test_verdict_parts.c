/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts over parts of memory: what an allocator keeps is one, memory in use is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "analyze/verdict.h"
#include "chance.h"

enum { LOOKS = 20, STEP_S = 6 };

static bool judge(enum look_part_id part, const struct sample *samples, size_t count)
{
	struct zone *zone = zone_new();
	struct finding finding = {0};
	bool found = verdict_of_part(part, samples, count, zone, &finding);

	zone_free(zone);
	return found;
}

/* A part that grows steadily; `noise` bytes up and down. */
static void grow(struct sample *samples, double per_look, double noise)
{
	chance_seed(8);
	for (size_t i = 0; i < LOOKS; i++)
		samples[i] = (struct sample){(double)i * STEP_S,
					     1e8 + per_look * (double)i + noise * chance_normal()};
}

static void test_what_malloc_keeps(void **state)
{
	struct sample samples[LOOKS];
	struct finding finding = {0};
	struct zone *zone = zone_new();

	(void)state;
	grow(samples, 20000 * STEP_S, 500);
	assert_true(verdict_of_part(PART_MALLOC_FREE_RETURNABLE, samples, LOOKS, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_KEPT);
	assert_string_equal(finding.reason, "malloc_trim would return it");
	assert_true(fabs(finding.rate.value - 7.2e7) < 1e5);
	zone_free(zone);
}

static void test_memory_in_use_is_no_part_that_is_kept(void **state)
{
	struct sample samples[LOOKS];

	(void)state;
	grow(samples, 20000 * STEP_S, 500);
	assert_false(judge(PART_MALLOC_LIVE, samples, LOOKS));
	assert_true(judge(PART_PYTHON_FREE, samples, LOOKS));
	assert_false(judge(PART_PYTHON_FREE, samples, 4));
}

static void test_what_does_not_grow(void **state)
{
	struct sample samples[LOOKS];

	(void)state;
	grow(samples, 1000, 0); /* less than 1 MB in all */
	assert_false(judge(PART_PYTHON_FREE, samples, LOOKS));
	grow(samples, -100000, 0);
	assert_false(judge(PART_PYTHON_FREE, samples, LOOKS));
}

static void test_shared_memory(void **state)
{
	struct sample touched[LOOKS], mapped[LOOKS];
	struct finding finding = {0};
	struct zone *zone = zone_new();

	(void)state;
	grow(touched, 20000 * STEP_S, 500);
	for (size_t i = 0; i < LOOKS; i++)
		mapped[i] = (struct sample){touched[i].at_s, 2e8};
	assert_true(verdict_of_shared(touched, mapped, LOOKS, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_FILLING_CACHE);
	assert_true(finding.apart);
	assert_non_null(strstr(finding.reason, "more of the 200.0 MB that are mapped"));
	for (size_t i = 0; i < LOOKS; i++)
		mapped[i].value = touched[i].value + 4096;
	assert_true(verdict_of_shared(touched, mapped, LOOKS, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_GROWS);
	grow(touched, 1000 * STEP_S, 500); /* 120 kB: of workers' segments some each */
	assert_false(verdict_of_shared(touched, touched + LOOKS - 1, 1, zone, &finding));
	assert_true(verdict_of_shared(touched, touched, LOOKS, zone, &finding));
	for (size_t i = 0; i < LOOKS; i++)
		mapped[i].value = 2e8;
	assert_false(verdict_of_shared(touched, mapped, LOOKS, zone, &finding));
	grow(touched, 0, 500);
	assert_false(verdict_of_shared(touched, mapped, LOOKS, zone, &finding));
	assert_false(verdict_of_shared(touched, mapped, 0, zone, &finding));
	zone_free(zone);
}

static void test_what_open_files_hold(void **state)
{
	const struct open_memory some = {.files = 1200,
					 .file_bytes = 3000000,
					 .sockets = 2,
					 .unread_bytes = 70000,
					 .unsent_bytes = 8000};
	struct sample samples[LOOKS];
	struct finding finding = {0};
	struct zone *zone = zone_new();

	(void)state;
	grow(samples, 20000 * STEP_S, 500);
	assert_true(verdict_of_open_files(samples, LOOKS, &some, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_GROWS);
	assert_true(finding.apart && !finding_explains_growth(&finding));
	assert_int_equal(finding.holds_bytes, 3000000);
	assert_non_null(strstr(finding.reason, "1,200 memfds or deleted files of a tmpfs, open"));
	assert_true(verdict_of_sockets(samples, LOOKS, &some, zone, &finding));
	assert_int_equal(finding.holds_bytes, 78000);
	assert_non_null(
		strstr(finding.reason, "in 2 sockets: 70.0 kB that it has not read, 8.0 kB"));
	grow(samples, 1000 * STEP_S, 500); /* 120 kB */
	assert_false(verdict_of_open_files(samples, LOOKS, &some, zone, &finding));
	assert_false(verdict_of_sockets(samples, LOOKS, &some, zone, &finding));
	zone_free(zone);
}

static void test_what_collections_leave(void **state)
{
	struct sample samples[LOOKS];
	struct finding finding = {0};
	struct zone *zone = zone_new();
	struct survivors survivors = {samples, LOOKS, .collections = 38, .uptime_s = 7200};

	(void)state;
	grow(samples, 20000 * STEP_S, 500);
	assert_true(verdict_of_survivors(&survivors, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_GROWS);
	assert_true(fabs(finding.rate.value - 7.2e7) < 1e5);
	assert_non_null(strstr(finding.reason, "2.3 MB more after 38 collections, never less;"));
	assert_null(strstr(finding.reason, "; up"));
	survivors.fell = true;
	survivors.uptime_s = 120;
	assert_true(verdict_of_survivors(&survivors, zone, &finding));
	assert_non_null(strstr(finding.reason, ", less after some;"));
	assert_non_null(strstr(finding.reason, "; up less than ten minutes"));
	grow(samples, 5000, 100); /* less than what regions are told in */
	assert_false(verdict_of_survivors(&survivors, zone, &finding));
	survivors.count = 4;
	assert_false(verdict_of_survivors(&survivors, zone, &finding));
	zone_free(zone);
}

/* Classes are loaded and caches filled when a program starts. */
static void test_what_collections_leave_at_first(void **state)
{
	struct sample samples[LOOKS];
	struct finding finding = {0};
	struct zone *zone = zone_new();
	struct survivors survivors = {samples, LOOKS, .collections = 38, .uptime_s = 120};

	(void)state;
	for (size_t i = 0; i < LOOKS; i++)
		samples[i] = (struct sample){(double)i * STEP_S, 3e7 * (1 - exp(-(double)i / 5))};
	assert_true(verdict_of_survivors(&survivors, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_WARM_UP);
	survivors.uptime_s = 7200;
	assert_true(verdict_of_survivors(&survivors, zone, &finding));
	assert_int_equal(finding.verdict, VERDICT_FILLING_CACHE);
	zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_malloc_keeps),
		cmocka_unit_test(test_memory_in_use_is_no_part_that_is_kept),
		cmocka_unit_test(test_what_does_not_grow),
		cmocka_unit_test(test_shared_memory),
		cmocka_unit_test(test_what_open_files_hold),
		cmocka_unit_test(test_what_collections_leave),
		cmocka_unit_test(test_what_collections_leave_at_first),
	};

	return cmocka_run_group_tests_name("verdict of parts", tests, NULL, NULL);
}
