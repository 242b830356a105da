/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts that were not delivered yet, kept until they are: a monitor that is started anew goes on
 * with them. A receiver is known by its kind, "exec" or "webhook".
 */
#ifndef UNFREED_SERVICE_MONITOR_HISTORY_ALERTS_H
#define UNFREED_SERVICE_MONITOR_HISTORY_ALERTS_H

#include "history.h"

enum { HISTORY_ALERT_S = 86400 }; /* what is older is of no use any more */

/* Returns the number by which it is kept; negative: it is not. */
int64_t history_keep_alert(struct history *history, const char *receiver, const char *json);

void history_forget_alert(struct history *history, int64_t id);

typedef void history_alert_fn(void *context, int64_t id, const char *json);

/* Tells those of a receiver in the order in which they came; what is too old is forgotten. */
void history_each_alert(struct history *history, const char *receiver, history_alert_fn *tell,
			void *context);

#endif
