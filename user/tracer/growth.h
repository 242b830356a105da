/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages that targets got since they were attached to, by the stacks that touched them first:
 * events of page faults in their threads, the ledger's blocks of DOMAIN_MMAP (bpf/growth.bpf.h),
 * and what the kernel says of these pages. What was there before is no growth, nor is what is gone.
 *
 * Of the pages one of so many is taken, as few as it takes to stay within a share of the processor
 * time that the targets use.
 */
#ifndef UNFREED_TRACER_GROWTH_H
#define UNFREED_TRACER_GROWTH_H

#include "../lib/failure.h"
#include "../process/procfs.h"
#include "loaded.h"

struct growth;

/* `loaded` and `procfs` must outlive it. NULL on out of memory. */
struct growth *growth_new(const struct procfs *procfs, const struct loaded *loaded,
			  bool follow_forks);
void growth_free(struct growth *growth); /* accepts NULL; the events are gone then */

/* Begins with a process. Returns 0, or -1 with `failure` filled. */
int growth_add(struct growth *growth, pid_t pid, uint32_t space, struct failure *failure);

/* What they have by now is no growth; nor, of those that are added later, what they have then. */
void growth_start(struct growth *growth);

/* One that a process of it has forked, and that inherits its events. */
void growth_fork(struct growth *growth, pid_t pid, uint32_t space);

/* A process goes on in another image, of which all counts; what is
 * known of the one before stays. */
void growth_exec(struct growth *growth, pid_t pid, uint32_t old_space, uint32_t space);

/* It ended, or is given up: what is known of its pages stays. */
void growth_end(struct growth *growth, uint32_t space);

/* Takes out of the ledger what is no growth by now. Costs a look at each page of the ledger. */
void growth_settle(struct growth *growth);

/* The same once no faults are taken any more: nothing is too young then. */
void growth_settle_last(struct growth *growth);

/* Does so now and then, and sees to the share. To be called often. */
void growth_poll(struct growth *growth);

/* No more faults are taken. */
void growth_stop(struct growth *growth);

/* Processor time that it has cost the targets, seconds. */
double growth_cost_s(const struct growth *growth);

#endif
