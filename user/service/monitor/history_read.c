/* SPDX-License-Identifier: BSD-2-Clause */
#include "history_read.h"

#include <errno.h>
#include <string.h>

#include "../../lib/json.h"
#include "history_internal.h"

/* --- rows as JSON, by the names and types of their columns --- */

static bool is_time(const char *name)
{
	size_t length = strlen(name);

	return !strcmp(name, "at") || (length > 3 && !strcmp(name + length - 3, "_at"));
}

static struct json_object *value_of(const struct sqlite *sqlite, sqlite3_stmt *row, int column)
{
	int64_t number;

	switch (sqlite->column_type(row, column)) {
	case SQLITE_INTEGER:
		number = sqlite->column_int64(row, column);
		return is_time(sqlite->column_name(row, column)) ? json_of_time(number * 1000000000)
								 : json_object_new_int64(number);
	case SQLITE_FLOAT:
		return json_of_double(sqlite->column_double(row, column), 0);
	case SQLITE_TEXT:
		return json_of_string((const char *)sqlite->column_text(row, column));
	default:
		return NULL;
	}
}

static struct json_object *json_of_row(const struct sqlite *sqlite, sqlite3_stmt *row)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < sqlite->column_count(row); i++)
		json_object_object_add(object, sqlite->column_name(row, i),
				       value_of(sqlite, row, i));
	return object;
}

/* All that an open question gives, which is then over. */
static struct json_object *json_of_rows(const struct history *history, sqlite3_stmt *rows)
{
	struct json_object *array = rows ? json_object_new_array() : NULL;
	int state = SQLITE_DONE;

	while (rows && (state = history->sqlite->step(rows)) == SQLITE_ROW)
		json_object_array_add(array, json_of_row(history->sqlite, rows));
	history->sqlite->finalize(rows);
	if (state == SQLITE_DONE)
		return array;
	json_object_put(array);
	return NULL;
}

/* --- what there is --- */

int64_t history_find_service(const struct history *history, const struct watched_service *service)
{
	sqlite3_stmt *row =
		history_ask(history, "SELECT id FROM service WHERE name = ? AND cgroup = ?", "ss",
			    service->name, service->group);
	int64_t id = row && history->sqlite->step(row) == SQLITE_ROW
			     ? history->sqlite->column_int64(row, 0)
			     : -1;

	history->sqlite->finalize(row);
	return id;
}

/* A service that was found and never sampled is not worth a look. */
struct json_object *history_list_services(const struct history *history)
{
	return json_of_rows(
		history,
		history_ask(history,
			    "SELECT * FROM (SELECT id, name, cgroup,"
			    " (SELECT min(at) FROM sample WHERE service = id) AS first_at,"
			    " (SELECT max(at) FROM sample WHERE service = id) AS last_at"
			    " FROM service) WHERE last_at NOT NULL ORDER BY last_at DESC LIMIT ?",
			    "i", (int64_t)HISTORY_SERVICES_MAX));
}

int64_t history_step_s(int64_t since, int64_t until)
{
	int64_t step = (until - since) / (HISTORY_SAMPLES_MAX - 1) + 1;

	return step < HISTORY_SAMPLE_S ? HISTORY_SAMPLE_S : step;
}

/* The rest of a row is that of its max(): so SQLite has it. */
struct json_object *history_list_samples(const struct history *history, int64_t service,
					 int64_t since, int64_t until)
{
	return json_of_rows(
		history,
		history_ask(history,
			    "SELECT at, processes, resident_bytes, anonymous_bytes, swapped_bytes"
			    " FROM (SELECT *, max(resident_bytes + swapped_bytes) FROM sample"
			    " WHERE service = ? AND at >= ? AND at < ? GROUP BY (at - ?) / ?)"
			    " ORDER BY at",
			    "iiiii", service, since, until, since, history_step_s(since, until)));
}

struct json_object *history_list_findings(const struct history *history, int64_t service)
{
	return json_of_rows(
		history,
		history_ask(
			history,
			"SELECT id, name, type, verdict, bytes_per_hour, low, high, holds_bytes,"
			" filled_by, reason, first_at, last_at, over_at FROM finding"
			" WHERE service = ? ORDER BY over_at NOT NULL, last_at DESC, id LIMIT ?",
			"ii", service, (int64_t)HISTORY_FINDINGS_MAX));
}

struct json_object *history_list_answers(const struct history *history, int64_t service)
{
	return json_of_rows(history, history_ask(history,
						 "SELECT id, at FROM answer WHERE service = ?"
						 " ORDER BY at DESC, id DESC LIMIT ?",
						 "ii", service, (int64_t)HISTORY_ANSWERS_MAX));
}

int history_write_answer(const struct history *history, int64_t id, FILE *file)
{
	sqlite3_stmt *row = history_ask(history, "SELECT json FROM answer WHERE id = ?", "i", id);
	bool found = row && history->sqlite->step(row) == SQLITE_ROW;
	const char *json = found ? (const char *)history->sqlite->column_text(row, 0) : NULL;

	if (json)
		fputs(json, file);
	history->sqlite->finalize(row);
	return json ? 0 : -ENOENT;
}
