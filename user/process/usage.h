/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of the processors a process has, and how much more of them it would take. */
#ifndef UNFREED_USAGE_H
#define UNFREED_USAGE_H

#include "procfs.h"

struct usage {
	double cpu_s;     /* processor time used so far */
	double waited_s;  /* time that its living threads waited for a processor; 0: not known */
	double wall_s;    /* time that passed; of a reading: since some moment */
	double sleeps;    /* how often its living threads went to sleep */
	double transfers; /* reads and writes of files, pipes and sockets; 0 also: not known */
};

/*
 * Returns 0, or -ESRCH where there is no such process. Its processor time is read last, at
 * the moment that wall_s says.
 */
int usage_read(const struct procfs *procfs, pid_t pid, struct usage *usage);

/* Adds what was used from `before` to `after`. */
void usage_add(struct usage *sum, const struct usage *before, const struct usage *after);

#endif
