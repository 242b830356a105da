/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_CGROUP_H
#define UNFREED_CGROUP_H

#include "pressure.h"
#include "procfs.h"

struct cgroup_limit {
	uint64_t bytes;      /* the least of its group and of those above; 0: none */
	uint64_t used_bytes; /* of the group that has it: with page cache; 0: not known */
	uint64_t room_bytes; /* the least that any of these groups has left; UINT64_MAX: no limit */
};

/*
 * How much memory the cgroup of a process may have, by version 1 or 2, as this mount namespace has
 * cgroups mounted. No limit where nothing can be found out.
 */
struct cgroup_limit cgroup_read_limit(const struct procfs *procfs, pid_t pid);

/* The group that accounts for the memory of a process. All malloc'd. */
struct cgroup_place {
	char *name;      /* as it stands in PID/cgroup */
	char *directory; /* of it, as it is mounted here */
	size_t mount;    /* how much of that is the path of the mount */
	bool unified;    /* version 2 */
};

/*
 * The name alone: malloc'd, the caller's; NULL where there is none.
 */
char *cgroup_read_name(const struct procfs *procfs, pid_t pid);

/* Returns 0, -ENOENT where it is in no group or that is mounted nowhere, or -ENOMEM. */
int cgroup_find_place(const struct procfs *procfs, pid_t pid, struct cgroup_place *place);
void cgroup_place_release(struct cgroup_place *place);

struct cgroup_memory {
	uint64_t used_bytes;     /* with page cache */
	uint64_t inactive_bytes; /* of these, pages of files that were not used lately */
	struct cgroup_limit limit;
	uint64_t limit_hits; /* how often it came to its limit, */
	uint64_t oom_kills;  /* and how often a process of it was ended for that */
	struct pressure pressure;
};

/* Returns 0, or -ENOENT where there is no such group any more, and of the root of version 2, which
 * does not account for memory. */
int cgroup_read_memory(const struct cgroup_place *place, struct cgroup_memory *memory);

/*
 * Does something for the directory of the group that `name` means, in each hierarchy that has one:
 * a path where cgroups are mounted, one below /sys/fs/cgroup, or the group's own as it stands in
 * PID/cgroup. `found`: whether there is any. Returns 0, or the first other value that `act`
 * returned, which ends it.
 */
int cgroup_each_directory(const struct procfs *procfs, const char *name,
			  int (*act)(void *context, const char *directory), void *context,
			  bool *found);

#endif
