/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a recording waits for: records from the programs, the next report, its end.
 */
#ifndef UNFREED_WAITING_H
#define UNFREED_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer.h"

struct waiting;

enum wait_result {
	WAIT_INTERVAL, /* a report is due */
	WAIT_END,      /* interrupted, or the time is over, or no target is left */
};

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for good and takes them as events. A duration or interval of 0
 * is none. The loop must outlive it. NULL with errno.
 */
struct waiting *waiting_new(struct loop *loop, uint64_t duration_ns, uint64_t interval_ns);
void waiting_free(struct waiting *waiting);

/* Whether a signal has ended it: seen at once, whatever the loop is served by. */
bool waiting_interrupted(const struct waiting *waiting);

/* Whether it is over, as a timer or a signal has it, and whether there was a second signal
 * since. Both change whatever the loop is served by, and are there as long as the waiting is. */
const bool *waiting_over(const struct waiting *waiting);
const bool *waiting_hurried(const struct waiting *waiting);

/* Starts the clock at its first call. Takes the tracer's records in while it waits. */
enum wait_result waiting_next(struct waiting *waiting, struct tracer *tracer);

#endif
