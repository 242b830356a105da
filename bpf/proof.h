/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: whether the direct sites of a function show what its entry and its returns show.
 *
 * Both are probed for the first calls, and compared. Until that is over, and for good where they
 * differ, calls are recorded by entry and return; else then by the sites.
 *
 * A function has a number, which its cookies carry (PROBE_PROOF); that of 0 needs none.
 */
#ifndef UNFREED_PROOF_H
#define UNFREED_PROOF_H

#include "types.h"

#define PROOFS      256
#define PROOF_CALLS 4096 /* that are compared, unless all are */

enum proof_state {
	PROOF_WAITS = 0, /* not all probes are in place */
	PROOF_RUNS = 1,  /* calls are compared */
	PROOF_HOLDS = 2, /* sites record; probes at entry and return, which do nothing, may still be
			    there */
	PROOF_FAILED = 3,
};

/* In what they differed; bits. */
enum proof_difference {
	PROOF_COUNT = 1, /* a call passed no site, or several */
	PROOF_RESULT = 2,
	PROOF_SIZE = 4,
	PROOF_CALLER = 8, /* its registers */
};

/* W: user space the state, but for those that programs come to: from RUNS to HOLDS or FAILED. */
struct proof {
	__u64 compared;
	__u32 state;
	__u32 differs;
};

#endif
