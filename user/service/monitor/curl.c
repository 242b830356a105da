/* SPDX-License-Identifier: BSD-2-Clause */
#include "curl.h"

#include "../../lib/library.h"

#define LIBRARY "libcurl.so.4" /* the name of its ABI since 2006, in Debian, Fedora and Arch */

const struct curl *curl_load(void)
{
	static struct curl functions;
	static const struct library_function wanted[] = {
#define X(name) {"curl_" #name, &functions.name},
		CURL_FUNCTIONS(X)
#undef X
	};

	return library_load(LIBRARY, wanted, sizeof(wanted) / sizeof(*wanted)) ? &functions : NULL;
}
