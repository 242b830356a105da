/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at what a plan is made of, and says in a sentence what it says no to. */
#ifndef UNFREED_SERVICE_SURVEY_H
#define UNFREED_SERVICE_SURVEY_H

#include "../events/event.h"
#include "../plan/plan.h"

/* Tells where a process is stopped, so that it can do nothing that one
 * could see. Returns whether. */
bool survey_tell_stopped(const struct procfs *procfs, pid_t pid, const struct listener *listener);

/* What is asked for may be done to a process. Returns 0, or -1 with `failure` filled. */
int survey_process(const struct procfs *procfs, const struct request *request,
		   const struct kernel *kernel, pid_t pid, struct failure *failure);

/* What a check that is made has found. Returns 0, or -1 with `failure` filled where it failed. */
int survey_check(const struct target_check *check, struct failure *failure);

/* Makes a check of one process. Returns 0, or -1 with `failure` filled and nothing to release. */
int survey_cost(struct target_check *check, pid_t pid, const struct check_request *request,
		struct failure *failure);

/* Something can be probed here. Returns 0, or -1 with `failure` filled. */
int survey_probes(const struct kernel *kernel, struct failure *failure);

/*
 * Which probes there may be here at all: *attach is a definite kind. Returns 0, or
 * -1 with `failure` filled.
 */
int survey_kernel(const struct kernel *kernel, const struct request *request,
		  enum attach_kind *attach, struct failure *failure);

#endif
