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

#endif
