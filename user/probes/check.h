/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can this process be traced, and at what cost? Asked before anything is attached to it.
 */
#ifndef UNFREED_CHECK_H
#define UNFREED_CHECK_H

#include "../lib/failure.h"
#include "estimate.h"

/* There is such a process, and it is one. Returns 0, or -1 with `failure` filled. */
int target_check_exists(const struct procfs *procfs, pid_t pid, struct failure *failure);

/* What a process is, as far as that decides whether there may be probes in it: plan/plan.h. */
struct target_survey {
	pid_t pid;
	bool gone; /* then nothing else is known */
	char comm[17];
	bool executable; /* it has one, and it can be read */
	bool may_look;   /* we may read whatever any process has */
	bool is_32_bit;
	bool seccomp;
};

void target_survey_read(struct target_survey *survey, const struct procfs *procfs, pid_t pid);

struct target_check {
	pid_t pid;
	const struct allocators *allocators; /* its own, or an earlier check's of the same files */
	struct allocators own;
	char *skipped; /* files that could not be read, NULL: none */
	struct estimate estimate;
	bool failed;              /* then only what is next is filled */
	bool no_malloc;           /* that was why */
	struct failure failure;   /* else why */
	struct mappings mappings; /* while it is made */
	struct usage before;      /* likewise */
};

/* How processes are looked at. */
struct check_request {
	const struct procfs *procfs;
	struct confined *confined;
	enum attach_kind kind; /* a definite one */
	bool entry_sites;      /* as in struct estimate_request */
	bool everyone;         /* as in struct estimate_request */
	struct estimate_window window;
	struct loop *loop; /* likewise */
};

/*
 * Finds the allocators of processes and measures how often they are called, in one window for all:
 * `checks` have their pid, and else are zeroed. Returns 0, and each check has failed or not; or -1
 * with `failure` filled. To be released in both cases.
 */
int target_checks_make(struct target_check *checks, size_t count,
		       const struct check_request *request, struct failure *failure);
void target_check_release(struct target_check *check);
void target_checks_release(struct target_check *checks, size_t count);

#endif
