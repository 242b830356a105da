/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UNFREED_UNWIND_WALK_TEST_H
#define UNFREED_UNWIND_WALK_TEST_H

#define UNWIND_TEST_FRAMES 128

struct unwind_walk_result {
	__u64 frames[UNWIND_TEST_FRAMES];
	__u32 count;
	__u32 stop; /* enum unwind_result */
	__u32 flags;
	__u32 pid; /* written by the test: whose stacks to take */
};

#endif
