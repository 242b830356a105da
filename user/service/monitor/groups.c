/* SPDX-License-Identifier: BSD-2-Clause */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

enum { EMPTY_S = 300 };

static void group_free(struct group *group)
{
	cgroup_place_release(&group->place);
	free(group);
}

/* Without what of files the kernel takes back first. */
static double group_used(const struct group *group)
{
	return (double)group->memory.limit.used_bytes - (double)group->memory.inactive_bytes;
}

double group_used_share(const struct group *group)
{
	uint64_t limit_bytes = group->known ? group->memory.limit.bytes : 0;

	return limit_bytes ? group_used(group) / (double)limit_bytes : -1;
}

/* By the last day where that tells, else by the last hour. */
static bool foresee(const struct group *group, struct forecast *forecast)
{
	struct sample samples[TREND_SAMPLES];

	for (size_t span = TREND_SPANS; span-- > 0;)
		if (forecast_reach(samples, trend_samples(&group->trend, span, samples),
				   (double)group->memory.limit.bytes, forecast))
			return true;
	return false;
}

static void read_group(struct group *group, double now_s)
{
	group->known = !cgroup_read_memory(&group->place, &group->memory);
	if (!group->known || !group->memory.limit.bytes)
		group->foreseen = false;
	else if (trend_add(&group->trend, now_s, group_used(group)))
		group->foreseen = foresee(group, &group->forecast);
}

static struct group *add(struct groups *groups, const struct procfs *procfs, pid_t pid)
{
	struct group *group = groups->count < GROUPS_MAX ? calloc(1, sizeof(*group)) : NULL;

	if (!group)
		return NULL;
	if (cgroup_find_place(procfs, pid, &group->place)) {
		group_free(group);
		return NULL;
	}
	group->known = !cgroup_read_memory(&group->place, &group->memory);
	trend_init(&group->trend, groups->interval_s);
	groups->items[groups->count++] = group;
	return group;
}

struct group *groups_find(struct groups *groups, const struct procfs *procfs, pid_t pid,
			  double now_s)
{
	char *name = cgroup_read_name(procfs, pid);
	struct group *group = NULL;

	for (size_t i = 0; i < groups->count && name && !group; i++)
		if (!strcmp(groups->items[i]->place.name, name))
			group = groups->items[i];
	if (name && !group)
		group = add(groups, procfs, pid);
	if (group)
		group->used_s = now_s;
	free(name);
	return group;
}

void groups_read(struct groups *groups, double now_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < groups->count; i++) {
		struct group *group = groups->items[i];

		if (now_s - group->used_s > EMPTY_S) {
			group_free(group);
			continue;
		}
		read_group(group, now_s);
		groups->items[kept++] = group;
	}
	groups->count = kept;
}

void groups_release(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		group_free(groups->items[i]);
	groups->count = 0;
}
