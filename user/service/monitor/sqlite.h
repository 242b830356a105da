/* SPDX-License-Identifier: BSD-2-Clause */
/* SQLite, loaded by whoever keeps a history. */
#ifndef UNFREED_SERVICE_MONITOR_SQLITE_H
#define UNFREED_SERVICE_MONITOR_SQLITE_H

#include <sqlite3.h>

#include "../../lib/failure.h"

#define SQLITE_FUNCTIONS(X) \
	X(bind_double)      \
	X(bind_int64)       \
	X(bind_text)        \
	X(busy_timeout)     \
	X(close_v2)         \
	X(column_count)     \
	X(column_double)    \
	X(column_int64)     \
	X(column_name)      \
	X(column_text)      \
	X(column_type)      \
	X(errmsg)           \
	X(errstr)           \
	X(exec)             \
	X(finalize)         \
	X(open_v2)          \
	X(prepare_v2)       \
	X(step)

/* As its manual has them, without sqlite3_ in front. */
struct sqlite {
#define X(name) __typeof__(&sqlite3_##name) name;
	SQLITE_FUNCTIONS(X)
#undef X
};

/* Loads it where it is not yet; it stays. NULL with `failure` filled. */
const struct sqlite *sqlite_load(struct failure *failure);

#endif
