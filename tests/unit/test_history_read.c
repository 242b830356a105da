/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of a history for whoever looks back: no more than so much, however long it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/monitor/history_internal.h"
#include "service/monitor/history_read.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

static char directory[] = "/tmp/unfreed-history-XXXXXX";
static struct history *history;
static struct watched_service shop = {.name = "shop", .group = "/shop", .processes = 1};
static const struct watched_service stranger = {.name = "shop", .group = "/other"};

static void execute(const char *text)
{
	assert_int_equal(history->sqlite->exec(history->base, text, NULL, NULL, NULL), 0);
}

static int setup(void **state)
{
	char path[sizeof(directory) + 16];
	struct failure failure;

	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/history", directory);
	history = history_open(path, 64 << 20, NULL, &failure);
	if (!history)
		return -1;
	execute("INSERT INTO service VALUES (7, 'shop', '/shop'), (8, 'idle', ''), (9, 'late', '')");
	return 0;
}

static int teardown(void **state)
{
	char command[sizeof(directory) + 16];

	(void)state;
	history_close(history);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static struct json_object *row(struct json_object *rows, size_t index)
{
	return json_object_array_get_idx(rows, index);
}

static int64_t number(struct json_object *object, const char *key)
{
	return json_object_get_int64(json_object_object_get(object, key));
}

static const char *text(struct json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static void test_services(void **state)
{
	(void)state;
	assert_int_equal(history_find_service(history, &shop), 7);
	assert_int_equal(history_find_service(history, &stranger), -1);
	execute("INSERT INTO sample VALUES (7, 60, 1, 5, 4, 0), (7, 600, 1, 5, 4, 0),"
		" (9, 660, 1, 5, 4, 0)");
	struct json_object *services = history_list_services(history);
	assert_int_equal(json_object_array_length(services), 2);
	assert_string_equal(text(row(services, 0), "name"), "late");
	assert_int_equal(number(row(services, 1), "id"), 7);
	assert_string_equal(text(row(services, 1), "cgroup"), "/shop");
	assert_string_equal(text(row(services, 1), "first_at"), "1970-01-01T00:01:00.000000000Z");
	assert_string_equal(text(row(services, 1), "last_at"), "1970-01-01T00:10:00.000000000Z");
	json_object_put(services);
}

/* A month of minutes, in which one had a peak. */
static void test_samples_are_thinned(void **state)
{
	(void)state;
	execute("WITH RECURSIVE minute (n) AS (SELECT 0 UNION SELECT n + 1 FROM minute"
		" WHERE n < 30 * 1440 - 1) INSERT INTO sample SELECT 7, n * 60, 2,"
		" CASE n WHEN 20001 THEN 1000 ELSE 100 END, 50, CASE n WHEN 30001 THEN 2000 ELSE 0 END"
		" FROM minute");
	struct json_object *samples = history_list_samples(history, 7, 0, 30 * DAY_S);
	size_t count = json_object_array_length(samples);
	int peaks = 0, swaps = 0;

	assert_in_range(count, HISTORY_SAMPLES_MAX / 2, HISTORY_SAMPLES_MAX);
	for (size_t i = 0; i < count; i++) {
		peaks += number(row(samples, i), "resident_bytes") == 1000;
		swaps += number(row(samples, i), "swapped_bytes") == 2000;
		assert_int_equal(number(row(samples, i), "anonymous_bytes"), 50);
	}
	assert_int_equal(peaks, 1);
	assert_int_equal(swaps, 1);
	json_object_put(samples);
	for (int64_t span = 1; span < 400 * DAY_S; span = span * 3 + 7) {
		int64_t step = history_step_s(1000, 1000 + span);

		assert_true(step >= 60 && span / step < HISTORY_SAMPLES_MAX);
		samples = history_list_samples(history, 7, 1000, 1000 + span);
		assert_true(json_object_array_length(samples) <= HISTORY_SAMPLES_MAX);
		json_object_put(samples);
	}
}

static void test_samples_of_an_hour(void **state)
{
	(void)state;
	execute("INSERT INTO sample VALUES (7, 3540, 1, 5, 4, 0), (7, 3600, 1, 6, 4, 1),"
		" (7, 3660, 2, 7, 4, 0), (7, 7200, 1, 8, 4, 0), (9, 3600, 1, 9, 4, 0)");
	struct json_object *samples = history_list_samples(history, 7, HOUR_S, 2 * HOUR_S);

	assert_int_equal(json_object_array_length(samples), 2);
	assert_int_equal(number(row(samples, 0), "resident_bytes"), 6);
	assert_int_equal(number(row(samples, 0), "swapped_bytes"), 1);
	assert_int_equal(number(row(samples, 1), "processes"), 2);
	json_object_put(samples);
}

static void test_findings(void **state)
{
	(void)state;
	execute("INSERT INTO finding VALUES"
		" (1, 7, 'old', 'dict', 'leak', 15e6, 14e6, 16e6, 5, 'add (shop.py:7)', NULL, 1, 9, 10),"
		" (2, 7, 'now', NULL, 'leak', NULL, NULL, NULL, NULL, NULL, 'why', 1, 5, NULL),"
		" (3, 9, 'of another', NULL, 'leak', 1, 1, 1, 1, NULL, NULL, 1, 5, NULL)");
	struct json_object *findings = history_list_findings(history, 7);

	assert_int_equal(json_object_array_length(findings), 2);
	assert_string_equal(text(row(findings, 0), "name"), "now");
	assert_null(json_object_object_get(row(findings, 0), "over_at"));
	assert_null(json_object_object_get(row(findings, 0), "bytes_per_hour"));
	assert_string_equal(text(row(findings, 1), "filled_by"), "add (shop.py:7)");
	assert_int_equal(number(row(findings, 1), "bytes_per_hour"), 15000000);
	assert_string_equal(text(row(findings, 1), "over_at"), "1970-01-01T00:00:10.000000000Z");
	json_object_put(findings);
}

static void test_answers(void **state)
{
	char *json;
	size_t size;
	FILE *file = open_memstream(&json, &size);

	(void)state;
	execute("INSERT INTO answer VALUES (4, 7, 100, '{\"a\":1}'), (5, 7, 200, '{}'),"
		" (6, 9, 300, '{}')");
	struct json_object *answers = history_list_answers(history, 7);
	assert_int_equal(json_object_array_length(answers), 2);
	assert_int_equal(number(row(answers, 0), "id"), 5);
	json_object_put(answers);
	assert_int_equal(history_write_answer(history, 4, file), 0);
	assert_int_equal(history_write_answer(history, 3, file), -ENOENT);
	fclose(file);
	assert_string_equal(json, "{\"a\":1}");
	free(json);
}

/* What cannot be read is no empty list. */
static void test_tables_that_are_not_there(void **state)
{
	(void)state;
	execute("DROP TABLE sample; DROP TABLE finding; DROP TABLE answer");
	assert_null(history_list_services(history));
	assert_null(history_list_samples(history, 7, 0, 1));
	assert_null(history_list_findings(history, 7));
	assert_null(history_list_answers(history, 7));
	assert_int_equal(history_write_answer(history, 4, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples_are_thinned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples_of_an_hour, setup, teardown),
		cmocka_unit_test_setup_teardown(test_findings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_that_are_not_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
