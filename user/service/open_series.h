/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process has by its open files alone, over time (open_memory.h). Zeroed it is nothing yet,
 * and there is nothing to release.
 */
#ifndef UNFREED_SERVICE_OPEN_SERIES_H
#define UNFREED_SERVICE_OPEN_SERIES_H

#include "../analyze/answer.h"
#include "../process/open_memory.h"
#include "series.h"

struct open_series {
	struct series files;   /* bytes */
	struct series sockets; /* likewise */
	struct open_memory last;
	double looked_s; /* when, of CLOCK_MONOTONIC */
	double cost_s;   /* our processor time for the last look */
};

void open_series_look(struct open_series *series, const struct procfs *procfs, pid_t pid,
		      struct open_claims *claims, double now_s);

/* What of it grows: at most two findings. Returns how many. */
size_t open_series_findings(const struct open_series *series, struct zone *zone,
			    struct finding *findings);

#endif
