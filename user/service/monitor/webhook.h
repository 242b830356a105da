/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts posted to a server over HTTP, each by a child that has libcurl and no capability
 * (delivery.h). One that the server could not take, or where none answered, is posted again, later
 * and later, for about an hour; so it may come twice. No redirect is followed, and of what is told
 * of failures the address has neither the path nor the password, as either may be a secret.
 */
#ifndef UNFREED_SERVICE_MONITOR_WEBHOOK_H
#define UNFREED_SERVICE_MONITOR_WEBHOOK_H

#include "../../events/event.h"
#include "../../lib/failure.h"
#include "delivery.h"

struct webhook_options {
	const char *url;  /* one that webhook_check() allows */
	double timeout_s; /* of one try */
	double pause_s;   /* between two alerts; also after the first try that failed */
	const struct listener *listener;
};

/* Whether that is an address of HTTP, and libcurl is there. Returns 0, or
 * -1 with `failure` filled. */
int webhook_check(const char *url, struct failure *failure);

/* The listener must outlive it. NULL with errno. */
struct delivery *webhook_new(struct loop *loop, const struct webhook_options *options);

#endif
