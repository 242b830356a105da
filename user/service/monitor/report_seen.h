/* SPDX-License-Identifier: BSD-2-Clause */
/* What a report says of what was seen in a process: its collector, caches, pools, and
 * limit; and what filled it. */
#ifndef UNFREED_SERVICE_MONITOR_REPORT_SEEN_H
#define UNFREED_SERVICE_MONITOR_REPORT_SEEN_H

#include "../../analyze/health.h"
#include "history.h"

/* Fills it from the last answer or look of the service by that number, whichever is later. */
void report_read_seen(const struct history *history, int64_t id, const struct health *health,
		      struct health_service *service);

#endif
