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

/* Whether two processes run the same executable, as far as that can be read. */
bool family_same_program(const struct procfs *procfs, pid_t a, pid_t b);

/*
 * The workers of a master: its descendants that run the same program, malloc'd, the caller's.
 * Returns how many; 0, and NULL, where memory is short.
 */
size_t family_list_workers(const struct procfs *procfs, pid_t master, pid_t **pids);

#endif
