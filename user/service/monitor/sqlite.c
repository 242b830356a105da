/* SPDX-License-Identifier: BSD-2-Clause */
#include "sqlite.h"

#include "../../lib/library.h"

#define LIBRARY "libsqlite3.so.0"

const struct sqlite *sqlite_load(struct failure *failure)
{
	static struct sqlite functions;
	static const struct library_function wanted[] = {
#define X(name) {"sqlite3_" #name, &functions.name, LIBRARY_OWN(sqlite3_##name)},
		SQLITE_FUNCTIONS(X)
#undef X
	};
	static bool loaded;

	loaded = loaded || library_load(LIBRARY, wanted, sizeof(wanted) / sizeof(*wanted));
	if (loaded)
		return &functions;
	failure_set(failure, STATUS_FAILURE,
		    "cannot keep a history without %s, of Debian's libsqlite3-0", LIBRARY);
	return NULL;
}
