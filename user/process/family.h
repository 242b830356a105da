/* SPDX-License-Identifier: BSD-2-Clause */
/* The children of a process, and theirs. */
#ifndef UNFREED_FAMILY_H
#define UNFREED_FAMILY_H

#include "procfs.h"

/*
 * Appends those descendants of the `*count` processes that are there now and not among them. The
 * array is malloc'd and stays the caller's. Returns 0 or -ENOMEM; a kernel that does not list
 * children (CONFIG_PROC_CHILDREN) has none.
 */
int family_append(const struct procfs *procfs, pid_t **pids, size_t *count);

/*
 * Those descendants that go on in a copy of its memory: forked, by it or by one of them, without
 * executing anything since. Malloc'd, the caller's; returns how many, as below.
 */
size_t family_list_forks(const struct procfs *procfs, pid_t pid, pid_t **pids);

/* Whether it is what Python's multiprocessing starts beside a program, and serves nobody. */
bool family_is_helper(const struct procfs *procfs, pid_t pid);

/*
 * Whether a descendant of a master is one of its workers: it runs the same program, and is no
 * helper of multiprocessing. Of PID 1, which starts all and takes in orphans, those in its cgroup
 * alone.
 */
bool family_is_worker(const struct procfs *procfs, pid_t master, pid_t pid);

/*
 * The workers of a master, malloc'd, the caller's. Returns how many; 0, and NULL, where memory is
 * short.
 */
size_t family_list_workers(const struct procfs *procfs, pid_t master, pid_t **pids);

#endif
