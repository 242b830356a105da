/* SPDX-License-Identifier: BSD-2-Clause */
/* A history that is open: shared by what writes it and by what reads it. */
#ifndef UNFREED_SERVICE_MONITOR_HISTORY_INTERNAL_H
#define UNFREED_SERVICE_MONITOR_HISTORY_INTERNAL_H

#include "history.h"
#include "sqlite.h"

enum { HISTORY_SAMPLE_S = 60 };

struct history {
	const struct sqlite *sqlite;
	sqlite3 *base;
	char *path;
	uint64_t bytes_max;
	const struct listener *listener;
	double sampled_s, thinned_s; /* 0: not yet */
	uint64_t not_written;
	bool failed; /* so it was said */
};

/*
 * A statement to be stepped through and finalized; NULL where it cannot be. `kinds` has one letter
 * for each value that is bound: `s` a string or NULL, `i` an int64_t, `d` a double, which is NULL
 * where it is no number. Values must stay.
 */
sqlite3_stmt *history_ask(const struct history *history, const char *text, const char *kinds, ...);

/* One that gives nothing back. Returns whether it was done. */
bool history_run(const struct history *history, const char *text, const char *kinds, ...);

/* All or nothing of what stands between; `done`: that it was. What cannot be
 * written is said, and false. */
bool history_begin(const struct history *history);
bool history_end(struct history *history, bool done);

#endif
