/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A report each day, UTC, by a process of our own program: to read a history of months and to fit
 * lines takes longer than the loop may wait, and memory that is then given back.
 */
#ifndef UNFREED_SERVICE_MONITOR_REPORTS_H
#define UNFREED_SERVICE_MONITOR_REPORTS_H

#include "../../events/event.h"
#include "delivery.h"

struct reports;

struct reports_options {
	const char *history, *directory; /* paths */
	int64_t last_at;                 /* when there was one; now, where there was none */
	const struct listener *listener;
};

/* What is named must outlive it. NULL with errno. */
struct reports *reports_new(struct loop *loop, const struct reports_options *options);

/* Now and then: has one written where it is another day than at the last. Accepts NULL. */
void reports_attend(struct reports *reports, int64_t now);

/* Accepts NULL. */
void reports_free(struct reports *reports);

#endif
