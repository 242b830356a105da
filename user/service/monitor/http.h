/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One page over HTTP, to whoever asks: GET or HEAD of one path, by a name that is ours. Served by the
 * loop in turns, so that it waits while something else is at work. A bounded number of connections,
 * one request each, ended after some seconds however slow the other side is. Knows nothing of what
 * the page says.
 */
#ifndef UNFREED_SERVICE_MONITOR_HTTP_H
#define UNFREED_SERVICE_MONITOR_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../lib/failure.h"
#include "../../lib/loop.h"

enum { HTTP_ADDRESS_BYTES = 80 };

/*
 * Listens at "ADDRESS:PORT", numbers both ("127.0.0.1:9873", "[::1]:9873"); port 0 is any that is
 * free. `shown`, of HTTP_ADDRESS_BYTES, becomes where it is. Returns a descriptor, or -1 with
 * `failure` filled.
 */
int http_listen(const char *address, char *shown, struct failure *failure);

struct http_page {
	const char *path; /* "/metrics" */
	const char *type;
	void (*write)(void *context, FILE *file);
	void *context;
};

struct http;

/* Takes the descriptor over, also where it fails: NULL. The page and what it names must outlive it. */
struct http *http_new(struct loop *loop, int fd, const struct http_page *page);
void http_free(struct http *http); /* accepts NULL */

/* How many requests it has answered, refused ones too. */
uint64_t http_requests(const struct http *http);

/*
 * Whether what a browser sends as Host may be us: a number, "localhost", or `own`, the name of this
 * machine; each with a port or without. Any other name could be a stranger's that was made to mean
 * us, so that a page of his may read what we say.
 */
bool http_is_own_host(const char *host, const char *own);

#endif
