/* SPDX-License-Identifier: BSD-2-Clause */
#include "open_series.h"

#include "../analyze/verdict.h"
#include "../lib/clock.h"

void open_series_look(struct open_series *series, const struct procfs *procfs, pid_t pid,
		      struct open_claims *claims, double now_s)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct open_memory memory;

	series->looked_s = now_s;
	if (!open_memory_read(procfs, pid, claims, &memory)) {
		series->last = memory;
		series_add(&series->files, now_s, (double)memory.file_bytes);
		series_add(&series->sockets, now_s,
			   (double)memory.unread_bytes + (double)memory.unsent_bytes);
	}
	series->cost_s = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began) / 1e9;
}

size_t open_series_findings(const struct open_series *series, struct zone *zone,
			    struct finding *findings)
{
	const struct open_memory *last = &series->last;
	size_t count = 0;

	count += verdict_of_open_files(series->files.items, series->files.count, last, zone,
				       &findings[count]);
	count += verdict_of_sockets(series->sockets.items, series->sockets.count, last, zone,
				    &findings[count]);
	return count;
}
