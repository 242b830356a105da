/* SPDX-License-Identifier: BSD-2-Clause */
#include "history_alerts.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/clock.h"
#include "history_internal.h"

enum { ALERTS_MAX = 64 }; /* of a receiver: more than it lets wait */

struct kept {
	int64_t id;
	char *json;
};

static int64_t now_s(void)
{
	return (int64_t)clock_s(CLOCK_REALTIME);
}

static int64_t last_id(const struct history *history)
{
	sqlite3_stmt *row = history_ask(history, "SELECT last_insert_rowid()", "");
	int64_t id = row && history->sqlite->step(row) == SQLITE_ROW
			     ? history->sqlite->column_int64(row, 0)
			     : -1;

	history->sqlite->finalize(row);
	return id;
}

int64_t history_keep_alert(struct history *history, const char *receiver, const char *json)
{
	bool done = history_begin(history) &&
		    history_run(history, "INSERT INTO alert (receiver, at, json) VALUES (?, ?, ?)",
				"sis", receiver, now_s(), json);
	int64_t id = done ? last_id(history) : -1;

	return history_end(history, done) ? id : -1;
}

void history_forget_alert(struct history *history, int64_t id)
{
	history_end(history,
		    history_begin(history) &&
			    history_run(history, "DELETE FROM alert WHERE id = ?", "i", id));
}

static size_t read_alerts(const struct history *history, const char *receiver,
			  struct kept alerts[ALERTS_MAX])
{
	sqlite3_stmt *rows = history_ask(history,
					 "SELECT id, json FROM alert WHERE receiver = ?"
					 " ORDER BY id LIMIT ?",
					 "si", receiver, (int64_t)ALERTS_MAX);
	size_t count = 0;

	while (rows && count < ALERTS_MAX && history->sqlite->step(rows) == SQLITE_ROW) {
		const char *json = (const char *)history->sqlite->column_text(rows, 1);

		alerts[count].id = history->sqlite->column_int64(rows, 0);
		alerts[count].json = json ? strdup(json) : NULL;
		count += alerts[count].json != NULL;
	}
	history->sqlite->finalize(rows);
	return count;
}

/* They are read first: who is told may forget them. */
void history_each_alert(struct history *history, const char *receiver, history_alert_fn *tell,
			void *context)
{
	struct kept alerts[ALERTS_MAX];
	size_t count;

	history_end(history,
		    history_begin(history) && history_run(history, "DELETE FROM alert WHERE at < ?",
							  "i", now_s() - HISTORY_ALERT_S));
	count = read_alerts(history, receiver, alerts);
	for (size_t i = 0; i < count; i++) {
		tell(context, alerts[i].id, alerts[i].json);
		free(alerts[i].json);
	}
}
