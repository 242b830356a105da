// SPDX-License-Identifier: BSD-2-Clause
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "../../lib/clock.h"
#include "../../lib/json.h"
#include "../../output/file.h"
#include "../../output/health.h"
#include "history_internal.h"

enum {
	HOUR_S = 3600,
	DAY_S = 86400,
	WEEKS_S = 14 * DAY_S,
	SERVICES_OF_REPORT_MAX = 200,
	DEPTH_MAX = 32,
};

#define OWN "anonymous_bytes + swapped_bytes"

/* --- rows --- */

static char *copy_text(const struct history *history, sqlite3_stmt *row, int column)
{
	const char *text = (const char *)history->sqlite->column_text(row, column);

	return text ? strdup(text) : NULL;
}

/* The first value; 0: none. */
static uint64_t ask_number(const struct history *history, const char *text, int64_t service,
			   int64_t since, int64_t until)
{
	sqlite3_stmt *row = history_ask(history, text, "iii", service, since, until);
	uint64_t number = row && history->sqlite->step(row) == SQLITE_ROW
				  ? (uint64_t)history->sqlite->column_int64(row, 0)
				  : 0;

	history->sqlite->finalize(row);
	return number;
}

/* Of each step the sample that took most. */
static void read_line(const struct history *history, int64_t service, int64_t at, int64_t span_s,
		      struct health_line *line)
{
	int64_t since = at - span_s, step_s = span_s / (HEALTH_SAMPLES - 1) + 1;
	sqlite3_stmt *row = history_ask(history,
					"SELECT at, max(" OWN
					") FROM sample WHERE service = ? AND at > ? AND at <= ?"
					" GROUP BY (at - ?) / ? ORDER BY at",
					"iiiii", service, since, at, since, step_s);

	while (row && line->count < HEALTH_SAMPLES && history->sqlite->step(row) == SQLITE_ROW)
		line->samples[line->count++] = (struct sample){
			(double)history->sqlite->column_int64(row, 0),
			(double)history->sqlite->column_int64(row, 1),
		};
	history->sqlite->finalize(row);
}

static void read_sizes(const struct history *history, int64_t id, const struct health *health,
		       struct health_service *service)
{
	static const char at_last[] =
		"SELECT %s FROM sample WHERE service = ? AND at > ? AND at <= ? ORDER BY at DESC LIMIT 1";
	char own[sizeof(at_last) + sizeof(OWN)], processes[sizeof(at_last) + sizeof(OWN)];

	snprintf(own, sizeof(own), at_last, OWN);
	snprintf(processes, sizeof(processes), at_last, "processes");
	service->bytes = ask_number(history, own, id, 0, health->at);
	service->processes = ask_number(history, processes, id, 0, health->at);
	service->bytes_before =
		ask_number(history, own, id, health->since - 2 * HOUR_S, health->since);
	service->most_bytes = ask_number(
		history, "SELECT max(" OWN ") FROM sample WHERE service = ? AND at > ? AND at <= ?",
		id, health->since, health->at);
	read_line(history, id, health->at, DAY_S, &service->day);
	read_line(history, id, health->at, WEEKS_S, &service->weeks);
}

/* --- findings --- */

static bool take_finding(const struct history *history, sqlite3_stmt *row,
			 struct health_finding *finding)
{
	const struct sqlite *sqlite = history->sqlite;
	const char *verdict = (const char *)sqlite->column_text(row, 2);

	if (!verdict || !verdict_by_name(verdict, &finding->verdict))
		return false;
	finding->name = copy_text(history, row, 0);
	finding->type = copy_text(history, row, 1);
	finding->rate = (struct rate){sqlite->column_double(row, 3), sqlite->column_double(row, 4),
				      sqlite->column_double(row, 5)};
	finding->holds_bytes = (uint64_t)sqlite->column_int64(row, 6);
	finding->filled_by = copy_text(history, row, 7);
	finding->reason = copy_text(history, row, 8);
	finding->first_at = sqlite->column_int64(row, 9);
	finding->last_at = sqlite->column_int64(row, 10);
	finding->over_at = sqlite->column_int64(row, 11);
	return true;
}

static void read_findings(const struct history *history, int64_t id, int64_t since,
			  struct health_service *service)
{
	sqlite3_stmt *row = history_ask(
		history,
		"SELECT name, type, verdict, bytes_per_hour, low, high, holds_bytes, filled_by,"
		" reason, first_at, last_at, over_at FROM finding WHERE service = ? AND"
		" (over_at IS NULL OR over_at > ?)"
		" ORDER BY over_at NOT NULL, bytes_per_hour DESC, id LIMIT ?",
		"iii", id, since, (int64_t)FINDINGS_MAX);

	service->findings = calloc(FINDINGS_MAX, sizeof(*service->findings));
	while (row && service->findings && history->sqlite->step(row) == SQLITE_ROW)
		service->finding_count +=
			take_finding(history, row, &service->findings[service->finding_count]);
	history->sqlite->finalize(row);
}

/* --- answers --- */

static struct json_object *read_answer(const struct history *history, int64_t id, int64_t until)
{
	sqlite3_stmt *row = history_ask(history,
					"SELECT json FROM answer WHERE service = ? AND at <= ?"
					" ORDER BY at DESC, id DESC LIMIT 1",
					"ii", id, until);
	const char *text = row && history->sqlite->step(row) == SQLITE_ROW
				   ? (const char *)history->sqlite->column_text(row, 0)
				   : NULL;
	struct json_tokener *parser = text ? json_tokener_new_ex(DEPTH_MAX) : NULL;
	struct json_object *answer =
		parser ? json_tokener_parse_ex(parser, text, (int)strlen(text)) : NULL;

	if (parser)
		json_tokener_free(parser);
	history->sqlite->finalize(row);
	return answer;
}

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_member(object, key));
}

/* Of all generations of the collector that an answer has; 0: none. */
static uint64_t sum(struct json_object *answer, const char *key)
{
	struct json_object *generations = json_member(json_member(answer, "gc"), "generations");
	size_t count = json_object_is_type(generations, json_type_array)
			       ? json_object_array_length(generations)
			       : 0;
	uint64_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += number(json_object_array_get_idx(generations, i), key);
	return all;
}

/* The process whose collector an answer has. */
static struct json_object *process_of(struct json_object *answer)
{
	return json_member(json_member(answer, "look"), "target");
}

static bool is_same_process(struct json_object *a, struct json_object *b)
{
	return a && b && number(a, "pid") == number(b, "pid") &&
	       number(a, "start_time") == number(b, "start_time");
}

/* Its containers stand in order of what they hold. */
static void read_caches(struct json_object *answer, struct health_service *service)
{
	struct json_object *containers = json_member(json_member(answer, "look"), "containers");
	size_t count = json_object_is_type(containers, json_type_array)
			       ? json_object_array_length(containers)
			       : 0;

	for (size_t i = 0; i < count && service->cache_count < HEALTH_CACHES_MAX; i++) {
		struct json_object *container = json_object_array_get_idx(containers, i);
		const char *name = json_object_get_string(json_member(container, "name"));
		char *copy = name && json_member(container, "hits") ? strdup(name) : NULL;

		if (copy)
			service->caches[service->cache_count++] = (struct health_cache){
				copy,
				number(container, "length"),
				number(container, "bound"),
				number(container, "hits"),
				number(container, "misses"),
			};
	}
}

static void read_answers(const struct history *history, int64_t id, const struct health *health,
			 struct health_service *service)
{
	struct json_object *last = read_answer(history, id, health->at);
	struct json_object *before = read_answer(history, id, health->since);

	service->limit_bytes = number(last, "limit_bytes");
	service->gc = (struct health_gc){
		.known = json_member(last, "gc"),
		.enabled = json_object_get_boolean(json_member(json_member(last, "gc"), "enabled")),
		.collections = sum(last, "collections"),
		.collected = sum(last, "collected"),
		.uncollectable = sum(last, "uncollectable"),
	};
	if (is_same_process(process_of(last), process_of(before))) {
		service->gc.collections_before = sum(before, "collections");
		service->gc.collected_before = sum(before, "collected");
	}
	read_caches(last, service);
	json_object_put(last);
	json_object_put(before);
}

/* --- all of it --- */

static bool read_service(const struct history *history, sqlite3_stmt *row, struct health *health)
{
	int64_t id = history->sqlite->column_int64(row, 0);
	struct health_service *service = calloc(1, sizeof(*service));

	if (!service)
		return false;
	health->services[health->service_count++] = service;
	service->name = copy_text(history, row, 1);
	service->group = copy_text(history, row, 2);
	service->first_at = history->sqlite->column_int64(row, 3);
	service->last_at = history->sqlite->column_int64(row, 4);
	read_sizes(history, id, health, service);
	read_findings(history, id, health->since, service);
	read_answers(history, id, health, service);
	return service->name && service->group && service->findings;
}

/* Those that were there since the last report, or for a day. */
static bool read_services(const struct history *history, struct health *health)
{
	int64_t a_day_ago = health->at - DAY_S;
	sqlite3_stmt *row = history_ask(
		history,
		"SELECT * FROM (SELECT id, name, cgroup,"
		" (SELECT min(at) FROM sample WHERE service = id) AS first_at,"
		" (SELECT max(at) FROM sample WHERE service = id) AS last_at"
		" FROM service) WHERE last_at > ? AND last_at <= ? ORDER BY last_at DESC LIMIT ?",
		"iii", health->since < a_day_ago ? health->since : a_day_ago, health->at,
		(int64_t)SERVICES_OF_REPORT_MAX);
	bool done = row;

	health->services = calloc(SERVICES_OF_REPORT_MAX, sizeof(*health->services));
	while (done && health->services && history->sqlite->step(row) == SQLITE_ROW)
		done = read_service(history, row, health);
	history->sqlite->finalize(row);
	return done && health->services;
}

static int print_text(const void *health, FILE *file)
{
	return health_text(health, file);
}

static int print_html(const void *health, FILE *file)
{
	return health_html(health, file);
}

static int write_file(const struct health *health, const char *directory, const char *ending,
		      file_writer *print, char path[REPORT_PATH_BYTES], struct failure *failure)
{
	time_t at = (time_t)health->at;
	struct tm utc;
	char date[16] = "";

	if (gmtime_r(&at, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d", &utc);
	if (snprintf(path, REPORT_PATH_BYTES, "%s/unfreed-%s.%s", directory, date, ending) >=
	    REPORT_PATH_BYTES)
		return failure_set(failure, STATUS_FAILURE, "--report names too long a directory");
	int error = file_write(path, print, health);
	return error ? failure_set(failure, STATUS_FAILURE, "cannot write %.300s: %s", path,
				   strerror(-error))
		     : 0;
}

static int write_files(const struct health *health, struct history *history, const char *directory,
		       char path[REPORT_PATH_BYTES], struct failure *failure)
{
	if (write_file(health, directory, "txt", print_text, path, failure) ||
	    write_file(health, directory, "html", print_html, path, failure))
		return -1;
	history_add_report(history, health->at);
	return 0;
}

static int print_somewhere(const struct health *health, struct failure *failure)
{
	int error = file_write("-", print_text, health);

	return error ? failure_set(failure, STATUS_FAILURE, "cannot write to standard output: %s",
				   strerror(-error))
		     : 0;
}

int report_write(struct history *history, const char *directory, char path[REPORT_PATH_BYTES],
		 struct failure *failure)
{
	char host[256] = "";
	int64_t last = history_last_report(history), now = (int64_t)clock_s(CLOCK_REALTIME);
	struct health health = {
		.host = host,
		.at = now,
		.since = last > 0 && last <= now ? last : now - DAY_S,
	};
	int error = 0;

	gethostname(host, sizeof(host) - 1);
	if (!read_services(history, &health))
		error = failure_set(failure, STATUS_FAILURE, "cannot read the history");
	if (!error) {
		health_judge(&health);
		error = directory ? write_files(&health, history, directory, path, failure)
				  : print_somewhere(&health, failure);
	}
	health_release(&health);
	return error;
}
