/* SPDX-License-Identifier: BSD-2-Clause */
#include "java_heap.h"

#include <math.h>

#define STILL       0.01 /* of what is there: it came by no more in half of the watch */
#define STILL_BYTES 64e3

void java_case_begin(struct java_case *java, const struct procfs *procfs, pid_t pid)
{
	const struct memory memory = procfs_memory(procfs, pid);
	struct mappings mappings;

	*java = (struct java_case){0};
	if (mappings_read(procfs, pid, &mappings))
		return;
	java_counters_find(&mappings, &memory, &java->counters);
	mappings_release(&mappings);
}

/* What is there before the first collection of the watch is of one that
 * nobody saw, as good as any. */
void java_case_poll(struct java_case *java, const struct memory *memory, double now_s)
{
	struct series *old = &java->old;
	struct java_heap heap;

	if (!java->counters.old_used || java_heap_read(&java->counters, memory, &heap) ||
	    (old->count && heap.collections == java->last))
		return;
	if (!old->count)
		java->first = heap.collections;
	java->last = heap.collections;
	java->fell |= old->count && (double)heap.old_bytes < old->items[old->count - 1].value;
	series_add(old, now_s, (double)heap.old_bytes);
}

bool java_case_finding(const struct java_case *java, double uptime_s, struct zone *zone,
		       struct finding *finding)
{
	const struct survivors survivors = {
		.bytes = java->old.items,
		.count = java->old.count,
		.collections = java->last - java->first,
		.fell = java->fell,
		.uptime_s = uptime_s,
	};

	*finding = (struct finding){0};
	return verdict_of_survivors(&survivors, zone, finding);
}

/* In the later half: what a program takes in as it starts is there before. */
const char *java_case_still(const struct java_case *java)
{
	const struct series *old = &java->old;

	if (old->count < 2 * SLOPE_LEAST)
		return NULL;
	double last = old->items[old->count - 1].value;

	return last - old->items[old->count / 2].value <= fmax(STILL * last, STILL_BYTES)
		       ? "what collections leave in the old generation does not grow"
		       : NULL;
}
