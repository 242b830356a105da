/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording in windows comes to: looks at the heaps of its targets all the while, and, when
 * a report is due, what the windows say of whose the growth is.
 */
#ifndef UNFREED_SERVICE_WINDOWS_H
#define UNFREED_SERVICE_WINDOWS_H

#include "../lib/loop.h"
#include "../probes/overhead.h"
#include "../tracer/tracer.h"

struct windows;

struct windows_config {
	const struct procfs *procfs;
	struct loop *loop;
	struct tracer *tracer; /* that has begun */
	uint64_t duration_ns;  /* 0: not known */
	double asked_percent;
	struct call_times call; /* of malloc's family, as estimated before */
};

/* All must outlive it. Recording begins now. NULL on out of memory. */
struct windows *windows_new(const struct windows_config *config);
void windows_free(struct windows *windows); /* accepts NULL */

/*
 * By row of the ledger, to be freed; NULL on out of memory. At the end of a recording
 * windows are over by then.
 */
struct row_growth *windows_rows(struct windows *windows);

/* After that: what is said of the windows. */
void windows_fill(const struct windows *windows, struct snapshot *snapshot);

#endif
