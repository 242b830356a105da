// SPDX-License-Identifier: BSD-2-Clause
#include "groups.h"

#include <stdlib.h>
#include <string.h>

enum { EMPTY_S = 300 };

static void group_free(struct group *group)
{
	cgroup_place_release(&group->place);
	free(group);
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
		group->known = !cgroup_read_memory(&group->place, &group->memory);
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
