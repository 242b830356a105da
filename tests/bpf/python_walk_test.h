/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef UNFREED_PYTHON_WALK_TEST_H
#define UNFREED_PYTHON_WALK_TEST_H

#include "../../bpf/python.h"

#define PYTHON_TEST_FRAMES 1024

struct python_walk_result {
	struct python_process process; /* written by the test */
	__u32 pid;                     /* whose stacks to take */
	__u32 wanted;                  /* thread whose stack to take once; 0: none */
	__u32 count;
	__u32 stop; /* enum python_step */
	__u64 fs_base;
	__u64 nanoseconds; /* that the walk took */
	struct python_frame frames[PYTHON_TEST_FRAMES];
	__u32 checks[PYTHON_TEST_FRAMES];
};

#endif
