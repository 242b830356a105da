/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults of a process: a program is run at each one of its threads, and of those that they
 * start. Seen: memory that is touched for the first time, whoever made the mapping, and with
 * whatever allocator; not seen: what the kernel fills in ahead (MAP_POPULATE, mlock, reads past the
 * page cache). Costs the process half a microsecond a fault, and what the program does with it.
 * Nothing is written to it; the events go with the descriptors, so also when we are killed.
 *
 *	page_faults_open     from here on the program may be run
 *	page_faults_close    at any time
 */
#ifndef UNFREED_PAGE_FAULTS_H
#define UNFREED_PAGE_FAULTS_H

#include "../process/procfs.h"

struct page_faults_config {
	const struct procfs *procfs;
	pid_t pid;
	bool follow_forks; /* also in the processes that it forks from now on */
	int program_fd;    /* of type perf_event */
};

struct page_faults;

/* NULL with errno: ESRCH (it is gone), EMFILE (too many threads for our descriptors),
 * ENOMEM; or what the kernel says. */
struct page_faults *page_faults_open(const struct page_faults_config *config);
void page_faults_close(struct page_faults *faults); /* accepts NULL */

/* What a fault costs a thread beside the program's own time, as it costs ours now; 0: cannot be
 * told. */
double page_faults_trap_ns(int program_fd);

#endif
