/* SPDX-License-Identifier: BSD-2-Clause */
/* What a monitor keeps in a file: it is there for the next one, whatever happened to the last. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/monitor/history.h"
#include "service/monitor/sqlite.h"

#define MB (1 << 20)

static char directory[] = "/tmp/unfreed-history-XXXXXX";
static char path[sizeof(directory) + 16];
static size_t events;
static struct watched_service shop = {.name = "shop", .group = "/shop", .processes = 2};
static struct instance workers[2] = {{.service = &shop}, {.service = &shop}};
static struct roster roster = {
	.services = {&shop}, .service_count = 1, .instances = workers, .instance_count = 2};

static void hear(void *context, const struct event *event)
{
	(void)context;
	assert_int_equal(event->kind, EVENT_HISTORY_NOT_WRITTEN);
	assert_string_equal(event->path, path);
	events++;
}

static const struct listener listener = {hear, NULL};

static struct history *open_it(uint64_t bytes_max)
{
	struct failure failure = {0};
	struct history *history = history_open(path, bytes_max, &listener, &failure);

	assert_string_equal(failure.text, "");
	assert_non_null(history);
	return history;
}

static void assert_refused(const char *reason)
{
	struct failure failure = {0};

	assert_null(history_open(path, MB, &listener, &failure));
	if (!strstr(failure.text, reason))
		fail_msg("\"%s\" in: %s", reason, failure.text);
}

/* The only row that a question has, its columns by `|`; good until the next. */
static const char *ask(const char *question)
{
	static char text[300];
	const struct sqlite *sqlite = sqlite_load(&(struct failure){0});
	sqlite3_stmt *statement;
	sqlite3 *base;
	const char *found;

	assert_int_equal(sqlite->open_v2(path, &base, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite->prepare_v2(base, question, -1, &statement, NULL), 0);
	assert_int_equal(sqlite->step(statement), SQLITE_ROW);
	found = (const char *)sqlite->column_text(statement, 0);
	snprintf(text, sizeof(text), "%s", found ? found : "null");
	assert_int_equal(sqlite->step(statement), SQLITE_DONE);
	sqlite->finalize(statement);
	sqlite->close_v2(base);
	return text;
}

static void add_finding(const char *name, double first_s)
{
	struct told_finding told = {
		.verdict = VERDICT_GROWS,
		.name = strdup(name),
		.filled_by = strdup("add (shop.py:7)"),
		.rate = {15e6, 14e6, 16e6},
		.holds_bytes = 123456,
	};

	findings_recall(&shop.findings, &told, first_s, first_s);
}

static int setup(void **state)
{
	(void)state;
	events = 0;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/history", directory);
	return 0;
}

static int teardown(void **state)
{
	char command[sizeof(directory) + 16];

	(void)state;
	findings_release(&shop.findings);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static void test_findings_outlive_the_monitor(void **state)
{
	struct history *history = open_it(MB);
	struct stat status;

	(void)state;
	history_recall(history, &shop, 1000);
	assert_int_equal(shop.findings.count, 0);
	add_finding("shop.CACHE", 400);
	add_finding("shop.USERS", 900);
	history_add_findings(history, &shop, 1000);
	history_add_findings(history, &shop, 1010);
	history_close(history);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_string_equal(ask("SELECT count(*) FROM finding WHERE over_at IS NULL"), "2");

	findings_release(&shop.findings);
	history = open_it(MB);
	history_recall(history, &shop, 50); /* the clock began anew */
	history_close(history);
	assert_int_equal(shop.findings.count, 2);
	const struct known_finding *cache = &shop.findings.items[0];
	assert_string_equal(cache->told.name, "shop.CACHE");
	assert_string_equal(cache->told.filled_by, "add (shop.py:7)");
	assert_null(cache->told.type);
	assert_int_equal(cache->verdict, VERDICT_GROWS);
	assert_true(cache->told.rate.low == 14e6 && cache->told.holds_bytes == 123456);
	assert_true(cache->first_s <= 50 - 600 && cache->first_s > 50 - 640);
}

static void test_what_is_over(void **state)
{
	struct history *history = open_it(MB);

	(void)state;
	add_finding("shop.CACHE", 400);
	add_finding("shop.USERS", 900);
	history_add_findings(history, &shop, 1000);
	findings_release(&shop.findings);
	add_finding("shop.USERS", 900);
	history_add_findings(history, &shop, 1100);
	assert_string_equal(ask("SELECT name FROM finding WHERE over_at IS NOT NULL"),
			    "shop.CACHE");
	add_finding("shop.CACHE", 1200); /* again, which is another one */
	history_add_findings(history, &shop, 1200);
	history_close(history);
	assert_string_equal(ask("SELECT count(*) FROM finding WHERE name = 'shop.CACHE'"), "2");
}

static void test_samples(void **state)
{
	struct history *history = open_it(MB);

	(void)state;
	workers[0].status.resident_bytes = 5000;
	workers[1].status.resident_bytes = 700;
	history_add_samples(history, &roster, 1000);
	history_add_samples(history, &roster, 1059); /* too early */
	assert_string_equal(ask("SELECT processes || ' ' || resident_bytes FROM sample"), "2 5700");
	history_close(history);
}

/* The oldest go. */
static void test_no_more_than_there_is_room_for(void **state)
{
	enum { BYTES = 50000 };
	struct history *history = open_it(MB);
	char *json = calloc(1, BYTES + 1);

	(void)state;
	memset(json, ' ', BYTES);
	for (int i = 0; i < 40; i++) {
		json[0] = (char)('A' + i);
		history_add_answer(history, &shop, json);
	}
	free(json);
	history_close(history);
	assert_string_equal(ask("SELECT substr(json, 1, 1) FROM answer ORDER BY id DESC LIMIT 1"),
			    "h");
	assert_true(atoi(ask("SELECT count(*) FROM answer")) >= 15);
	assert_true(atoi(ask("SELECT sum(length(json)) FROM answer")) <= MB);
	assert_int_equal(events, 0);
}

static void execute(const char *text)
{
	const struct sqlite *sqlite = sqlite_load(&(struct failure){0});
	sqlite3 *base;

	assert_int_equal(sqlite->open_v2(path, &base, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(sqlite->exec(base, text, NULL, NULL, NULL), 0);
	sqlite->close_v2(base);
}

static int count(const char *of)
{
	char question[200];

	snprintf(question, sizeof(question), "SELECT count(*) FROM %s", of);
	return atoi(ask(question));
}

#define OLD_SAMPLE "sample WHERE at < unixepoch() - 14 * 86400"
#define OLD_ANSWER "answer WHERE at < unixepoch() - 7 * 86400"

/* Of samples of twenty days, two answers a day of ten. */
static void test_what_is_old_is_thinned(void **state)
{
	struct history *history = open_it(16 * MB);

	(void)state;
	history_add_samples(history, &roster, 1000);
	history_add_answer(history, &shop, "{}");
	history_close(history);
	execute("WITH RECURSIVE minute (n) AS (SELECT 1 UNION SELECT n + 1 FROM minute"
		" WHERE n < 20 * 1440) INSERT INTO sample SELECT service, at - n * 60, 1, 0, 0, 0"
		" FROM minute, (SELECT service, max(at) AS at FROM sample)");
	execute("WITH RECURSIVE half (n) AS (SELECT 2 UNION SELECT n + 1 FROM half WHERE n < 21)"
		" INSERT INTO answer (service, at, json) SELECT service,"
		" at - n / 2 * 86400 - 3600, '{}' FROM half, answer");
	int samples = count("sample"), answers = count("answer");
	int old_samples = count(OLD_SAMPLE), old_answers = count(OLD_ANSWER);

	assert_int_equal(samples, 1 + 20 * 1440);
	assert_int_equal(answers, 1 + 2 * 10);
	assert_int_equal(old_answers, 2 * 4);
	history = open_it(16 * MB);
	history_add_samples(history, &roster, 1000);
	history_close(history);
	assert_in_range(count(OLD_SAMPLE), 6 * 24, 6 * 24 + 1 /* that became it by now */);
	assert_in_range(count("sample"), samples - old_samples + 6 * 24,
			samples - old_samples + 6 * 24 + 1 /* which it added */);
	assert_int_equal(count(OLD_ANSWER), 4);
	assert_int_equal(count("answer"), answers - old_answers + 4);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* It is said once, and goes on when there is room again. */
static void test_a_full_disk(void **state)
{
	struct history *history = open_it(MB);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	limit_files(100000);
	char *json = calloc(1, 200000);
	memset(json, 'x', 200000 - 1);
	for (int i = 0; i < 3; i++)
		history_add_answer(history, &shop, json);
	limit_files(RLIM_INFINITY);
	assert_int_equal(events, 1);
	assert_int_equal(history_not_written(history), 3);
	history_add_answer(history, &shop, json);
	assert_int_equal(events, 1);
	assert_int_equal(history_not_written(history), 3);
	history_close(history);
	free(json);
	assert_string_equal(ask("SELECT count(*) FROM answer"), "1");
	assert_string_equal(ask("PRAGMA integrity_check"), "ok");
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_what_is_no_history(void **state)
{
	const struct sqlite *sqlite = sqlite_load(&(struct failure){0});
	sqlite3 *base;

	(void)state;
	write_file("this is no database, and has enough bytes that it could be one: 100 of them at "
		   "the least, which is what a header has\n");
	assert_refused("not a database");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_refused("is no file");
	rmdir(path);
	assert_int_equal(
		sqlite->open_v2(path, &base, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), 0);
	sqlite->exec(base, "CREATE TABLE theirs (x)", NULL, NULL, NULL);
	sqlite->close_v2(base);
	assert_refused("no history that unfreed keeps");
	chmod(path, 0666);
	assert_refused("others can change");
	unlink(path);
	history_close(open_it(MB));
	ask("SELECT 1");
	assert_int_equal(sqlite->open_v2(path, &base, SQLITE_OPEN_READWRITE, NULL), 0);
	sqlite->exec(base, "PRAGMA user_version = 2", NULL, NULL, NULL);
	sqlite->close_v2(base);
	assert_refused("a newer unfreed");
	strcpy(path, "/nowhere/history");
	assert_refused("unable to open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_findings_outlive_the_monitor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_more_than_there_is_room_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_is_old_is_thinned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_history, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
