/* SPDX-License-Identifier: BSD-2-Clause */
#include "history_internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/owner.h"

#define THIN_S  3600.0
#define WAIT_MS 200 /* for a reader that keeps the file */

enum {
	APPLICATION = 0x756e6672, /* "unfr" */
	VERSION = 1,
	DROP_MAX = 1000,
	DAY_S = 86400,
	SAMPLES_DAYS = 14, /* as long are there samples of each minute, then one an hour */
	ANSWERS_DAYS = 7,  /* all of a service, then the last of a day */
};

/* Times are seconds since the epoch. */
static const char tables[] =
	"CREATE TABLE service (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cgroup TEXT NOT NULL,"
	" UNIQUE (name, cgroup));"
	"CREATE TABLE sample (service INTEGER NOT NULL REFERENCES service, at INTEGER NOT NULL,"
	" processes INTEGER NOT NULL, resident_bytes INTEGER NOT NULL,"
	" anonymous_bytes INTEGER NOT NULL, swapped_bytes INTEGER NOT NULL,"
	" PRIMARY KEY (service, at)) WITHOUT ROWID;"
	"CREATE TABLE finding (id INTEGER PRIMARY KEY, service INTEGER NOT NULL REFERENCES service,"
	" name TEXT NOT NULL, type TEXT, verdict TEXT NOT NULL, bytes_per_hour REAL, low REAL,"
	" high REAL, holds_bytes INTEGER, filled_by TEXT, reason TEXT, first_at INTEGER NOT NULL,"
	" last_at INTEGER NOT NULL, over_at INTEGER);"
	"CREATE UNIQUE INDEX finding_now ON finding (service, name) WHERE over_at IS NULL;"
	"CREATE TABLE answer (id INTEGER PRIMARY KEY, service INTEGER NOT NULL REFERENCES service,"
	" at INTEGER NOT NULL, json TEXT NOT NULL);"
	"CREATE INDEX answer_at ON answer (at);";

/* What histories do not have that are older than it is. */
static const char later_tables[] =
	"CREATE TABLE IF NOT EXISTS look (service INTEGER NOT NULL REFERENCES service,"
	" day INTEGER NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (service, day));"
	"CREATE TABLE IF NOT EXISTS alert (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" receiver TEXT NOT NULL, at INTEGER NOT NULL, json TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS report (at INTEGER PRIMARY KEY);";

/* --- sentences --- */

static void bind(const struct sqlite *sqlite, sqlite3_stmt *statement, const char *kinds,
		 va_list values)
{
	for (int i = 1; *kinds; i++, kinds++) {
		if (*kinds == 'i')
			sqlite->bind_int64(statement, i, va_arg(values, int64_t));
		else if (*kinds == 'd')
			sqlite->bind_double(statement, i, va_arg(values, double));
		else
			sqlite->bind_text(statement, i, va_arg(values, const char *), -1,
					  SQLITE_STATIC);
	}
}

static sqlite3_stmt *prepare(const struct history *history, const char *text, const char *kinds,
			     va_list values)
{
	sqlite3_stmt *statement;

	if (history->sqlite->prepare_v2(history->base, text, -1, &statement, NULL))
		return NULL;
	bind(history->sqlite, statement, kinds, values);
	return statement;
}

sqlite3_stmt *history_ask(const struct history *history, const char *text, const char *kinds, ...)
{
	va_list values;

	va_start(values, kinds);
	sqlite3_stmt *statement = prepare(history, text, kinds, values);
	va_end(values);
	return statement;
}

bool history_run(const struct history *history, const char *text, const char *kinds, ...)
{
	va_list values;

	va_start(values, kinds);
	sqlite3_stmt *statement = prepare(history, text, kinds, values);
	va_end(values);
	bool done = statement && history->sqlite->step(statement) == SQLITE_DONE;
	return !(statement && history->sqlite->finalize(statement)) && done;
}

/* The first value that a question gives; -1: none. */
static int64_t ask_number(const struct history *history, const char *text)
{
	sqlite3_stmt *statement = history_ask(history, text, "");
	int64_t number = statement && history->sqlite->step(statement) == SQLITE_ROW
				 ? history->sqlite->column_int64(statement, 0)
				 : -1;

	history->sqlite->finalize(statement);
	return number;
}

static bool execute(const struct history *history, const char *text)
{
	return !history->sqlite->exec(history->base, text, NULL, NULL, NULL);
}

bool history_begin(const struct history *history)
{
	return execute(history, "BEGIN IMMEDIATE");
}

bool history_end(struct history *history, bool done)
{
	done = done && execute(history, "COMMIT");
	if (!done && !history->failed)
		event_tell(history->listener,
			   &(struct event){.kind = EVENT_HISTORY_NOT_WRITTEN,
					   .path = history->path,
					   .text = history->sqlite->errmsg(history->base)});
	if (!done)
		execute(history, "ROLLBACK");
	history->not_written += !done;
	history->failed = !done;
	return done;
}

/* --- the file --- */

static int check_file(const char *path, struct failure *failure)
{
	struct stat status;

	if (lstat(path, &status))
		return errno == ENOENT
			       ? 0
			       : failure_set(failure, STATUS_FAILURE, "cannot open %.200s: %s",
					     path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return failure_set(failure, STATUS_FAILURE, "%.200s is no file", path);
	if (others_can_change(&status))
		return failure_set(failure, STATUS_FAILURE,
				   "others can change %.200s: chown it and chmod go-w make it safe",
				   path);
	return 0;
}

/* With what tells whose they are. */
static bool make_tables(const struct history *history)
{
	char marks[100];

	snprintf(marks, sizeof(marks), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 APPLICATION, VERSION);
	return history_begin(history) && execute(history, marks) && execute(history, tables) &&
	       execute(history, later_tables) && execute(history, "COMMIT");
}

/* One that has nothing in it yet gets its tables. Returns NULL, or what is wrong. */
static const char *take_up(const struct history *history)
{
	if (!execute(history, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			      "PRAGMA journal_size_limit = 4194304"))
		return history->sqlite->errmsg(history->base);
	if (!ask_number(history, "SELECT count(*) FROM sqlite_master"))
		return make_tables(history) ? NULL : history->sqlite->errmsg(history->base);
	if (ask_number(history, "PRAGMA application_id") != APPLICATION)
		return "it is no history that unfreed keeps";
	if (ask_number(history, "PRAGMA user_version") > VERSION)
		return "a newer unfreed keeps it";
	return execute(history, later_tables) ? NULL : history->sqlite->errmsg(history->base);
}

struct history *history_open(const char *path, uint64_t bytes_max, const struct listener *listener,
			     struct failure *failure)
{
	const struct sqlite *sqlite = sqlite_load(failure);
	struct history *history =
		sqlite && !check_file(path, failure) ? calloc(1, sizeof(*history)) : NULL;

	if (!history)
		return NULL;
	*history = (struct history){.sqlite = sqlite,
				    .path = strdup(path),
				    .bytes_max = bytes_max,
				    .listener = listener};
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	int error = sqlite->open_v2(path, &history->base,
				    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	const char *wrong = error ? sqlite->errstr(error) : NULL;

	if (!error) {
		sqlite->busy_timeout(history->base, WAIT_MS);
		wrong = take_up(history);
	}
	umask(mask);
	if (!wrong)
		return history;
	failure_set(failure, STATUS_FAILURE, "cannot keep a history in %.200s: %.200s", path,
		    wrong);
	history_close(history);
	return NULL;
}

uint64_t history_not_written(const struct history *history)
{
	return history ? history->not_written : 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	history->sqlite->close_v2(history->base);
	free(history->path);
	free(history);
}

/* --- room --- */

static int64_t seconds_of(double since_epoch_s)
{
	return (int64_t)floor(since_epoch_s);
}

static int64_t real_now(void)
{
	return seconds_of(clock_s(CLOCK_REALTIME));
}

static bool is_too_large(const struct history *history)
{
	int64_t pages = ask_number(history, "PRAGMA page_count") -
			ask_number(history, "PRAGMA freelist_count");

	return (uint64_t)pages * (uint64_t)ask_number(history, "PRAGMA page_size") >
	       history->bytes_max;
}

/* The oldest answers first, then looks, then a day of samples at a time. */
static bool drop_oldest(const struct history *history)
{
	for (int i = 0; i < DROP_MAX && is_too_large(history); i++) {
		const char *what =
			ask_number(history, "SELECT count(*) FROM answer") > 1
				? "DELETE FROM answer WHERE id IN"
				  " (SELECT id FROM answer ORDER BY at LIMIT 1)"
			: ask_number(history, "SELECT count(*) FROM look") > 0
				? "DELETE FROM look WHERE at = (SELECT min(at) FROM look)"
				: "DELETE FROM sample WHERE at < (SELECT min(at) + 86400 FROM sample)";

		if (!execute(history, what))
			return false;
	}
	return true;
}

/* Once an hour. Of each hour the sample of its first minute stays. */
static bool thin_out(struct history *history, double now_s)
{
	int64_t now = real_now();

	if (history->thinned_s && now_s - history->thinned_s < THIN_S)
		return true;
	history->thinned_s = now_s;
	return history_run(history, "DELETE FROM sample WHERE at < ? AND at % 3600 >= 60", "i",
			   now - SAMPLES_DAYS * DAY_S) &&
	       history_run(history,
			   "DELETE FROM answer WHERE at < ? AND id NOT IN"
			   " (SELECT max(id) FROM answer GROUP BY service, at / 86400)",
			   "i", now - ANSWERS_DAYS * DAY_S) &&
	       history_run(history, "DELETE FROM look WHERE at < ?", "i",
			   now - SAMPLES_DAYS * DAY_S);
}

/* --- what is kept --- */

static bool keep_service(const struct history *history, const struct watched_service *service)
{
	return history_run(history, "INSERT OR IGNORE INTO service (name, cgroup) VALUES (?, ?)",
			   "ss", service->name, service->group);
}

#define SERVICE "(SELECT id FROM service WHERE name = ? AND cgroup = ?)"

static bool keep_sample(const struct history *history, const struct roster *roster,
			const struct watched_service *service)
{
	struct memory_taken memory = roster_memory(roster, service);

	return keep_service(history, service) &&
	       history_run(history,
			   "INSERT OR REPLACE INTO sample VALUES (" SERVICE ", ?, ?, ?, ?, ?)",
			   "ssiiiii", service->name, service->group, real_now(),
			   (int64_t)service->processes, (int64_t)memory.resident_bytes,
			   (int64_t)memory.anonymous_bytes, (int64_t)memory.swapped_bytes);
}

void history_add_samples(struct history *history, const struct roster *roster, double now_s)
{
	if (history->sampled_s && now_s - history->sampled_s < HISTORY_SAMPLE_S)
		return;
	history->sampled_s = now_s;
	bool done = history_begin(history);

	for (size_t i = 0; i < roster->service_count && done; i++)
		if (roster->services[i]->processes)
			done = keep_sample(history, roster, roster->services[i]);
	history_end(history, done && thin_out(history, now_s) && drop_oldest(history));
}

void history_add_answer(struct history *history, const struct watched_service *service,
			const char *json)
{
	bool done = history_begin(history) && keep_service(history, service) &&
		    history_run(history,
				"INSERT INTO answer (service, at, json) VALUES (" SERVICE ", ?, ?)",
				"ssis", service->name, service->group, real_now(), json);

	history_end(history, done && drop_oldest(history));
}

/* The last one of a day. */
void history_add_look(struct history *history, const struct watched_service *service,
		      const char *json)
{
	int64_t now = real_now();
	bool done =
		history_begin(history) && keep_service(history, service) &&
		history_run(history, "INSERT OR REPLACE INTO look VALUES (" SERVICE ", ?, ?, ?)",
			    "ssiis", service->name, service->group, now / DAY_S, now, json);

	history_end(history, done && drop_oldest(history));
}

/* --- reports --- */

void history_add_report(struct history *history, int64_t at)
{
	history_end(
		history,
		history_begin(history) &&
			history_run(history, "INSERT OR REPLACE INTO report VALUES (?)", "i", at));
}

int64_t history_last_report(const struct history *history)
{
	return ask_number(history, "SELECT coalesce(max(at), -1) FROM report");
}

/* --- findings --- */

static bool keep_finding(const struct history *history, const struct watched_service *service,
			 const struct known_finding *finding, double now_s)
{
	const struct told_finding *told = &finding->told;
	int64_t now = real_now();

	return history_run(
		history,
		"INSERT INTO finding (service, name, type, verdict, bytes_per_hour, low, high,"
		" holds_bytes, filled_by, reason, first_at, last_at) VALUES (" SERVICE
		", ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, name)"
		" WHERE over_at IS NULL DO UPDATE SET type = excluded.type,"
		" verdict = excluded.verdict, bytes_per_hour = excluded.bytes_per_hour,"
		" low = excluded.low, high = excluded.high, holds_bytes = excluded.holds_bytes,"
		" filled_by = excluded.filled_by, reason = excluded.reason,"
		" last_at = excluded.last_at",
		"sssssdddissii", service->name, service->group, told->name, told->type,
		verdict_name(finding->verdict), told->rate.value, told->rate.low, told->rate.high,
		(int64_t)told->holds_bytes, told->filled_by, told->reason,
		now - seconds_of(now_s - finding->first_s),
		now - seconds_of(now_s - finding->last_s));
}

/* Over is what is kept as if it were not, and the service has no more. */
static bool close_others(const struct history *history, const struct watched_service *service)
{
	sqlite3_stmt *open = history_ask(
		history, "SELECT name FROM finding WHERE over_at IS NULL AND service = " SERVICE,
		"ss", service->name, service->group);
	bool done = open;

	while (done && history->sqlite->step(open) == SQLITE_ROW) {
		const char *name = (const char *)history->sqlite->column_text(open, 0);

		if (!name || findings_have(&service->findings, name))
			continue;
		done = history_run(
			history,
			"UPDATE finding SET over_at = ? WHERE over_at IS NULL AND service = " SERVICE
			" AND name = ?",
			"isss", real_now(), service->name, service->group, name);
	}
	history->sqlite->finalize(open);
	return done;
}

void history_add_findings(struct history *history, const struct watched_service *service,
			  double now_s)
{
	bool done = history_begin(history) && keep_service(history, service);

	for (size_t i = 0; i < service->findings.count && done; i++)
		done = keep_finding(history, service, &service->findings.items[i], now_s);
	history_end(history, done && close_others(history, service));
}

static char *copy_text(const struct history *history, sqlite3_stmt *row, int column)
{
	const unsigned char *text = history->sqlite->column_text(row, column);

	return text ? strdup((const char *)text) : NULL;
}

static void recall_row(const struct history *history, sqlite3_stmt *row,
		       struct watched_service *service, double now_s)
{
	const struct sqlite *sqlite = history->sqlite;
	const char *verdict = (const char *)sqlite->column_text(row, 2);
	double now = clock_s(CLOCK_REALTIME);
	struct told_finding told = {
		.name = copy_text(history, row, 0),
		.type = copy_text(history, row, 1),
		.rate = {sqlite->column_double(row, 3), sqlite->column_double(row, 4),
			 sqlite->column_double(row, 5)},
		.holds_bytes = (uint64_t)sqlite->column_int64(row, 6),
		.filled_by = copy_text(history, row, 7),
		.reason = copy_text(history, row, 8),
	};

	if (!told.name || !verdict || !verdict_by_name(verdict, &told.verdict)) {
		told_finding_release(&told);
		return;
	}
	findings_recall(&service->findings, &told,
			now_s - (now - (double)sqlite->column_int64(row, 9)),
			now_s - (now - (double)sqlite->column_int64(row, 10)));
}

void history_recall(struct history *history, struct watched_service *service, double now_s)
{
	sqlite3_stmt *rows =
		history_ask(history,
			    "SELECT name, type, verdict, bytes_per_hour, low, high, holds_bytes,"
			    " filled_by, reason, first_at, last_at FROM finding"
			    " WHERE over_at IS NULL AND service = " SERVICE,
			    "ss", service->name, service->group);

	while (rows && history->sqlite->step(rows) == SQLITE_ROW)
		recall_row(history, rows, service, now_s);
	history->sqlite->finalize(rows);
}
