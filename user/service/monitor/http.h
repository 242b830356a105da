/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Some pages over HTTP: GET or HEAD of a path, by a name that is ours, to whoever asks or to
 * whoever has the token. Served by the loop in turns, so that it waits while something else is at
 * work. A bounded number of connections, one request each, ended after some seconds however slow
 * the other side is. Knows nothing of what pages say.
 */
#ifndef UNFREED_SERVICE_MONITOR_HTTP_H
#define UNFREED_SERVICE_MONITOR_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../../lib/failure.h"
#include "../../lib/loop.h"
#include "token.h"

enum { HTTP_ADDRESS_BYTES = 80, HTTP_PAGES_MAX = 12 };

/*
 * Listens at "ADDRESS:PORT", numbers both ("127.0.0.1:9873", "[::1]:9873"); port 0 is any that is
 * free. `shown`, of HTTP_ADDRESS_BYTES, becomes where it is. Returns a descriptor, or -1 with
 * `failure` filled.
 */
int http_listen(const char *address, char *shown, struct failure *failure);

/* What was asked for, as long as a page is written. */
struct http_request;

/* What a request gives by that name, as in "?id=7": one that is not given, or none of 0 to
 * 10^15, leaves `number` as it is, and is false. */
bool http_number(const struct http_request *request, const char *name, int64_t *number);

/* The same of a text, as it was before it stood in an address. False where
 * there is none, or no text. */
bool http_text(const struct http_request *request, const char *name, char *text, size_t size);

/* Whether anything is given by that name. */
bool http_has(const struct http_request *request, const char *name);

struct http_page {
	const char *path; /* "/metrics" */
	const char *type;
	const char *policy; /* of its content, for browsers; NULL: it is none for them */
	bool open;          /* to whoever asks; else the token is needed */
	bool is_kept;       /* for a moment: it is the same for all */
	bool lets_in;       /* a browser that gave the token is asked for it no more */
	/* Returns 0; false numbers, or what is not there, are -EINVAL or -ENOENT. */
	int (*write)(void *context, const struct http_request *request, FILE *file);
	void *context;
};

struct http_site {
	const struct http_page *pages; /* HTTP_PAGES_MAX at most */
	size_t count;
	const struct token *token; /* NULL: where all pages are open */
	const char *host;          /* what others call this machine, beside its own name; NULL */
};

struct http;

/* Takes the descriptor over, also where it fails: NULL. The site and what
 * it names must outlive it. */
struct http *http_new(struct loop *loop, int fd, const struct http_site *site);
void http_free(struct http *http); /* accepts NULL */

/* How many requests it has answered, refused ones too. */
uint64_t http_requests(const struct http *http);

/*
 * Whether what a browser sends as Host may be us: a number, "localhost", or `own`, the name of this
 * machine; each with a port or without. Any other name could be a stranger's that was made to mean
 * us, so that a page of his may read what we say.
 */
bool http_is_own_host(const char *host, const char *own);

/* Whether a text is the name of a machine, by what it is made of: RFC 1123, and underscores. */
bool http_is_name(const char *text);

#endif
