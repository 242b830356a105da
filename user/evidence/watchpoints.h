/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware watchpoints on words of a process: in all its threads, and in those that they start.
 * Nothing is written to the process; the watchpoints go with the descriptors, so also when we are
 * killed.
 */
#ifndef UNFREED_WATCHPOINTS_H
#define UNFREED_WATCHPOINTS_H

#include "../../bpf/watch.h"
#include "../lib/failure.h"
#include "../process/procfs.h"

struct watchpoint_word {
	uint64_t address; /* a multiple of `bytes` */
	uint32_t bytes;   /* 1, 2, 4 or 8 */
};

struct watchpoints_config {
	const struct procfs *procfs;
	pid_t pid;
	bool follow_forks; /* also in the processes that it forks from now on */
	const struct watchpoint_word *words;
	size_t count;   /* at most WATCH_WORDS */
	int program_fd; /* of type perf_event: run at each write */
};

struct watchpoints;

/*
 * Puts them in place; from the first one on the program may be run. NULL with `failure` filled:
 * the process is gone, the debug registers are in use, there are too many threads for our
 * descriptors, or the kernel has no watchpoints.
 */
struct watchpoints *watchpoints_open(const struct watchpoints_config *config,
				     struct failure *failure);

/*
 * The same in another process that has the words at the same addresses: one that this one forked,
 * which may have happened while the first were put in place. Returns 0 or a negative errno: -ESRCH
 * where it is gone, -EMFILE where there are too many threads for our descriptors.
 */
int watchpoints_add(struct watchpoints *points, pid_t pid);

/* Takes all out. Accepts NULL. */
void watchpoints_close(struct watchpoints *points);

/* Takes those of one word out, in all threads. */
void watchpoints_remove(struct watchpoints *points, size_t word);

/* How often the kernel saw a word written, whether or not the program was run; to the moment in
 * which it was removed. */
uint64_t watchpoints_writes(const struct watchpoints *points, size_t word);

/* How many threads were given watchpoints, without those that inherit them. */
size_t watchpoints_threads(const struct watchpoints *points);

/* A single one, on a word of the calling thread. Returns a descriptor or a negative errno. */
int watchpoint_open_here(const struct watchpoint_word *word, int program_fd);

#endif
