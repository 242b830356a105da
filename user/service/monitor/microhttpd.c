/* SPDX-License-Identifier: BSD-2-Clause */
#include "microhttpd.h"

#include "../../lib/library.h"

#define LIBRARY "libmicrohttpd.so.12" /* the name of its ABI, in Debian 9 to 13, Fedora and Arch */

const struct microhttpd *microhttpd_load(struct failure *failure)
{
	static struct microhttpd functions;
	static const struct library_function wanted[] = {
#define X(name) {"MHD_" #name, &functions.name, LIBRARY_OWN(MHD_##name)},
		MICROHTTPD_FUNCTIONS(X)
#undef X
	};
	static bool loaded;

	loaded = loaded || library_load(LIBRARY, wanted, sizeof(wanted) / sizeof(*wanted));
	if (loaded)
		return &functions;
	failure_set(failure, STATUS_FAILURE,
		    "cannot answer over HTTP without %s, of Debian's libmicrohttpd12", LIBRARY);
	return NULL;
}
