/* SPDX-License-Identifier: BSD-2-Clause */
#include "microhttpd.h"

#include <dlfcn.h>

#define LIBRARY "libmicrohttpd.so.12" /* the name of its ABI, in Debian 9 to 13, Fedora and Arch */

const struct microhttpd *microhttpd_load(struct failure *failure)
{
	static struct microhttpd functions;
	static const struct {
		const char *name;
		void *place;
	} symbols[] = {
#define X(name) {"MHD_" #name, &functions.name},
		MICROHTTPD_FUNCTIONS(X)
#undef X
	};
	static void *library;

	if (library)
		return &functions;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols) && library; i++) {
		*(void **)symbols[i].place = dlsym(library, symbols[i].name);
		if (*(void **)symbols[i].place)
			continue;
		dlclose(library);
		library = NULL;
	}
	if (library)
		return &functions;
	failure_set(failure, STATUS_FAILURE,
		    "cannot answer over HTTP without %s, of Debian's libmicrohttpd12", LIBRARY);
	return NULL;
}
