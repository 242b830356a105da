/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_CGROUP_H
#define UNFREED_CGROUP_H

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
