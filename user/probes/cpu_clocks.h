/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor time of processes that come and go, as one sum that never falls: what one that is
 * gone had used when it was last looked at stays in it.
 *
 * What a process uses between that look and its end is nobody's. Where it is to be charged rather
 * than missed it counts as if it had been busy all that time, on one processor.
 */
#ifndef UNFREED_CPU_CLOCKS_H
#define UNFREED_CPU_CLOCKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cpu_clocks {
	pthread_mutex_t lock;
	struct cpu_clock *items;
	size_t count;
	uint64_t gone_ns; /* of those that are gone */
};

/* Returns 0 or a negative errno. */
int cpu_clocks_init(struct cpu_clocks *clocks);
void cpu_clocks_release(struct cpu_clocks *clocks);

/* All that it has used so far counts. One that is there already is left alone. Returns 0 or a
 * negative errno: -ESRCH where there is no such process. */
int cpu_clocks_add(struct cpu_clocks *clocks, pid_t pid);

/* It has ended: another one may have its number. */
void cpu_clocks_drop(struct cpu_clocks *clocks, pid_t pid);

/* In ns. `charge`: what was used unseen, by those that have ended since the last look, counts. */
uint64_t cpu_clocks_read(struct cpu_clocks *clocks, bool charge);

#endif
