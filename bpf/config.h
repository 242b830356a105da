/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: settings that user space writes between open and load (`const volatile config`).
 */
#ifndef UNFREED_CONFIG_H
#define UNFREED_CONFIG_H

#include "types.h"

struct config {
	__u32 bucket_mask;   /* number of buckets - 1; the number is a power of two */
	__u32 stack_mask;    /* stack rows - 1, likewise */
	__u32 stacks_max;    /* distinct stacks to take before the table counts as full */
	__u32 scratch_count; /* scratch buffers, see bpf/scratch.bpf.h */
	__u32 follow_forks;  /* children of traced processes are traced from birth */
	__u32 peak;          /* keep what was held at the highest moment */
	__u32 windows;       /* recording goes on and off: see `tracing` */
	__u32 proof_calls; /* that prove direct sites, see bpf/proof.h; 0: they are compared for good */
};

#endif
