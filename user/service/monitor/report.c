/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../output/file.h"
#include "../../output/health.h"
#include "history_internal.h"
#include "report_seen.h"

enum {
	DAY_S = 86400,
	WEEKS_S = 14 * DAY_S,
	SERVICES_OF_REPORT_MAX = 200,
	KEPT_DAYS_LEAST = 90,
	KEPT_DAYS_MOST = 400,
	REMOVED_MAX = 100, /* at once: there is another report tomorrow */
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
	report_read_seen(history, id, health, service);
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

/* Of the day of that moment; returns false where the path is too long. */
static bool name_file(const char *directory, int64_t moment, const char *ending,
		      char path[REPORT_PATH_BYTES])
{
	time_t at = (time_t)moment;
	struct tm utc;
	char date[16] = "";

	if (gmtime_r(&at, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d", &utc);
	return snprintf(path, REPORT_PATH_BYTES, "%s/unfreed-%s.%s", directory, date, ending) <
	       REPORT_PATH_BYTES;
}

static int write_file(const struct health *health, const char *directory, const char *ending,
		      file_writer *print, char path[REPORT_PATH_BYTES], struct failure *failure)
{
	if (!name_file(directory, health->at, ending, path))
		return failure_set(failure, STATUS_FAILURE, "--report names too long a directory");
	int error = file_write(path, print, health);
	return error ? failure_set(failure, STATUS_FAILURE, "cannot write %.300s: %s", path,
				   strerror(-error))
		     : 0;
}

/* --- old ones --- */

/* As far back as the history goes they stay, at least so many days, and at most. */
static int64_t kept_since(const struct history *history, int64_t now)
{
	int64_t oldest = (int64_t)ask_number(
		history, "SELECT min(at) FROM sample WHERE service > ? AND at > ? AND at <= ?", 0,
		0, now);
	int64_t least = now - KEPT_DAYS_LEAST * DAY_S, most = now - KEPT_DAYS_MOST * DAY_S;
	int64_t since = oldest < least ? oldest : least;

	return (since > most ? since : most) / DAY_S * DAY_S;
}

/* Whether it is not there any more. */
static bool remove_file(const char *directory, int64_t at, const char *ending)
{
	char path[REPORT_PATH_BYTES];
	struct stat status;

	if (!name_file(directory, at, ending, path) || lstat(path, &status))
		return true;
	return S_ISREG(status.st_mode) && !unlink(path);
}

/* None but those that the history knows of: what else is there is somebody else's. */
static void remove_old(struct history *history, const char *directory, int64_t now)
{
	sqlite3_stmt *rows =
		history_ask(history, "SELECT at FROM report WHERE at < ? ORDER BY at LIMIT ?", "ii",
			    kept_since(history, now), (int64_t)REMOVED_MAX);
	int64_t removed[REMOVED_MAX];
	size_t count = 0;

	while (rows && count < REMOVED_MAX && history->sqlite->step(rows) == SQLITE_ROW) {
		int64_t at = history->sqlite->column_int64(rows, 0);

		bool no_text = remove_file(directory, at, "txt");
		bool no_page = remove_file(directory, at, "html");

		if (no_text && no_page)
			removed[count++] = at;
	}
	history->sqlite->finalize(rows);
	for (size_t i = 0; i < count; i++)
		history_run(history, "DELETE FROM report WHERE at = ?", "i", removed[i]);
}

static int write_files(const struct health *health, struct history *history, const char *directory,
		       char path[REPORT_PATH_BYTES], struct failure *failure)
{
	if (write_file(health, directory, "txt", print_text, path, failure) ||
	    write_file(health, directory, "html", print_html, path, failure))
		return -1;
	history_add_report(history, health->at);
	remove_old(history, directory, health->at);
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
