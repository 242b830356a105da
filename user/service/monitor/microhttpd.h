/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmicrohttpd, loaded by whoever serves: it brings gnutls and seven libraries more, whose
 * constructors each command would wait for, and which no process needs that answers nobody.
 */
#ifndef UNFREED_SERVICE_MONITOR_MICROHTTPD_H
#define UNFREED_SERVICE_MONITOR_MICROHTTPD_H

#include <microhttpd.h>

#include "../../lib/failure.h"

#define MICROHTTPD_FUNCTIONS(X)             \
	X(add_response_header)              \
	X(basic_auth_get_username_password) \
	X(create_response_from_buffer)      \
	X(destroy_response)                 \
	X(free)                             \
	X(get_connection_info)              \
	X(get_daemon_info)                  \
	X(get_timeout)                      \
	X(lookup_connection_value)          \
	X(queue_response)                   \
	X(run)                              \
	X(start_daemon)                     \
	X(stop_daemon)

/* As its manual has them, without MHD_ in front. */
struct microhttpd {
#define X(name) __typeof__(&MHD_##name) name;
	MICROHTTPD_FUNCTIONS(X)
#undef X
};

/* Loads it where it is not yet; it stays. NULL with `failure` filled. */
const struct microhttpd *microhttpd_load(struct failure *failure);

#endif
