/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes that a recording attaches to: those asked for, the workers that a master among them
 * forked, and where forks are followed all their children.
 */
#ifndef UNFREED_SERVICE_TARGET_LIST_H
#define UNFREED_SERVICE_TARGET_LIST_H

#include "../events/event.h"
#include "../process/procfs.h"

struct target_list {
	pid_t *pids;
	size_t count;
	size_t needed; /* of these, the first ones: without them it is not what was asked for */
};

struct target_list_request {
	const pid_t *pids;
	size_t count;
	bool by_number; /* they were asked for so: with their workers, and all are needed */
	bool follow_forks;
	const struct listener *listener; /* NULL: nobody */
};

/* Fills a zeroed list. Tells which workers it adds. Returns 0, or -1 with `failure` filled. */
int target_list_fill(struct target_list *list, const struct procfs *procfs,
		     const struct target_list_request *request, struct failure *failure);
void target_list_release(struct target_list *list);

#endif
