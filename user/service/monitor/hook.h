/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of the user's that is started for each alert, without a shell, with the alert as JSON
 * on its standard input (delivery.h). Its own output goes where our errors go.
 */
#ifndef UNFREED_SERVICE_MONITOR_HOOK_H
#define UNFREED_SERVICE_MONITOR_HOOK_H

#include "../../events/event.h"
#include "../../lib/failure.h"
#include "delivery.h"

/*
 * Whether a program may be such: a path, a regular file that can be executed, of ours or root's,
 * that nobody else can write. Returns 0, or -1 with `failure` filled.
 */
int hook_check(const char *path, struct failure *failure);

/* The listener must outlive it. NULL with errno. */
struct delivery *hook_new(struct loop *loop, const char *path, double timeout_s,
			  const struct listener *listener);

#endif
