/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May this process be traced, and at what cost? Asked before anything is attached to it.
 */
#ifndef UNFREED_CHECK_H
#define UNFREED_CHECK_H

#include "../lib/failure.h"
#include "estimate.h"
#include "kernel.h"

/* There is such a process, and it is one. Returns 0, or -1 with `failure` filled. */
int target_check_exists(const struct procfs *procfs, pid_t pid, struct failure *failure);

/* Probes would not endanger it. Returns 0, or -1 with `failure` filled. */
int target_check_process(const struct procfs *procfs, const struct kernel *kernel, pid_t pid,
			 struct failure *failure);

struct target_check {
	struct allocators allocators;
	char *skipped; /* files that could not be read, NULL: none */
	struct estimate estimate;
};

/*
 * Finds the allocators and measures how often they are called. Returns 0, or -1 with `failure`
 * filled (and nothing to release).
 */
int target_check_cost(struct target_check *check, const struct procfs *procfs,
		      struct confined *confined, enum attach_kind kind, pid_t pid,
		      const struct estimate_window *window, struct failure *failure);
void target_check_release(struct target_check *check);

#endif
