/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroups that watched processes are in, each read once for all of them. One that has become
 * empty is kept for some minutes: what it counts, such as processes that were ended for want of
 * memory, is asked for afterwards. Knows nothing of services.
 */
#ifndef UNFREED_SERVICE_MONITOR_GROUPS_H
#define UNFREED_SERVICE_MONITOR_GROUPS_H

#include "../../analyze/forecast.h"
#include "../../process/cgroup.h"
#include "trend.h"

enum { GROUPS_MAX = 256 };

struct group {
	struct cgroup_place place;
	struct cgroup_memory memory;
	bool known;               /* what stands above is what it says now */
	double used_s;            /* when a process was in it last */
	bool near_limit;          /* as people were told, see alerts.h */
	struct trend trend;       /* of what counts against its limit */
	struct forecast forecast; /* when it comes to its limit, where that is foreseen */
	bool foreseen;
};

struct groups {
	struct group *items[GROUPS_MAX];
	size_t count;
	double interval_s; /* between two readings */
};

/* The group of a process, now. NULL where it is in none that could be told, or there are too many.
 * Good until the next groups_read(). */
struct group *groups_find(struct groups *groups, const struct procfs *procfs, pid_t pid,
			  double now_s);

/*
 * How much of its limit it uses, without what of files the kernel takes back first. Negative: not
 * known, or there is no limit.
 */
double group_used_share(const struct group *group);

/* Reads all of them, and forgets those that were empty for too long. */
void groups_read(struct groups *groups, double now_s);

void groups_release(struct groups *groups);

#endif
