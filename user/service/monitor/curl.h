/* SPDX-License-Identifier: BSD-2-Clause */
/* libcurl, loaded by the child that posts an alert: it brings TLS, and is wanted now and then. */
#ifndef UNFREED_SERVICE_MONITOR_CURL_H
#define UNFREED_SERVICE_MONITOR_CURL_H

#include <curl/curl.h>

#define CURL_FUNCTIONS(X) \
	X(easy_init)      \
	X(easy_setopt)    \
	X(easy_perform)   \
	X(easy_getinfo)   \
	X(easy_strerror)  \
	X(slist_append)   \
	X(url)            \
	X(url_set)

/* As its manual has them, without curl_ in front. */
struct curl {
#define X(name) __typeof__(&curl_##name) name;
	CURL_FUNCTIONS(X)
#undef X
};

/* Loads it for good. NULL: it is not there. */
const struct curl *curl_load(void);

#endif
