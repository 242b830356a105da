/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first moment of a recording, watched for its cost.
 *
 * How often an interpreter calls its allocator cannot be counted before it is traced: its calls are
 * inlined until its slots are steered. So they are counted while they are traced, before the
 * recording is called one.
 */
#ifndef UNFREED_TRIAL_H
#define UNFREED_TRIAL_H

#include "waiting.h"

struct trial {
	double calls_per_s;
	double slowdown_percent; /* by what is being recorded */
};

struct trial_config {
	const struct procfs *procfs;
	struct tracer *tracer; /* started */
	struct loop *loop;     /* in which it waits */
	const struct waiting *waiting;
	const pid_t *pids;
	size_t pid_count;
	double call_cost_ns; /* what tracing adds to a call */
};

/*
 * Watches processes for a fifth of a second, longer where they hardly get to run. Returns false
 * where the recording was ended meanwhile: then there is nothing to be told of it.
 */
bool trial_run(struct trial *trial, const struct trial_config *config);

#endif
