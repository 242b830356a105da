/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of the user's that is started for each alert, without a shell, with the alert as JSON on
 * its standard input. One at a time, some seconds apart; what comes meanwhile waits, so many of them.
 * One that takes too long is killed, with what it started. Its own output goes where our errors go.
 */
#ifndef UNFREED_SERVICE_MONITOR_HOOK_H
#define UNFREED_SERVICE_MONITOR_HOOK_H

#include <json-c/json.h>

#include "../../events/event.h"
#include "../../lib/failure.h"
#include "../../lib/loop.h"

struct hook;

/*
 * Whether a program may be such: a path, a regular file that can be executed, of ours or root's, that
 * nobody else can write. Returns 0, or -1 with `failure` filled.
 */
int hook_check(const char *path, struct failure *failure);

/* What is named must outlive it. NULL with errno. */
struct hook *hook_new(struct loop *loop, const char *path, double timeout_s,
		      const struct listener *listener);

/* Gives the object up. */
void hook_send(struct hook *hook, struct json_object *alert);

/* How many alerts were dropped, as too many waited. */
uint64_t hook_dropped(const struct hook *hook);

/* Ends what runs. Accepts NULL. */
void hook_free(struct hook *hook);

#endif
