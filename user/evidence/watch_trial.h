/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether hardware watchpoints are delivered here, and what a hit takes: tried on a word of our
 * own.
 */
#ifndef UNFREED_WATCH_TRIAL_H
#define UNFREED_WATCH_TRIAL_H

#include <stdint.h>

#include "../../bpf/watch.h"
#include "../lib/failure.h"

/*
 * Writes to a word under the watch of the program, which counts in `state` (that of WATCH_SELF),
 * and compares. Returns 0 with the time of a hit without that in the program, or -1 with `failure`
 * filled.
 */
int watch_try(struct watch_word_state *state, int program_fd, uint64_t *trap_ns,
	      struct failure *failure);

#endif
