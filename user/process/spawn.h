/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record -- COMMAND`: a child whose first allocation is already seen.
 *
 * Probes belong to files, and which files hold a program's allocator shows only when the dynamic
 * linker has mapped them. So the child runs under ptrace from its exec to its entry point (by then
 * its libraries are mapped and, with glibc, initialised), and stops after every mapping of code:
 * the caller puts probes on what has appeared, before any of it has run. The entry point is caught
 * by a debug register, so that nothing is written into the child.
 */
#ifndef UNFREED_SPAWN_H
#define UNFREED_SPAWN_H

#include "../lib/failure.h"
#include "procfs.h"

struct spawn {
	pid_t pid;
	const char *command; /* argv[0], the caller's */
	int error_fd;        /* tells why the exec failed */
};

/* Forks a child that waits, stopped, in front of its exec. Returns 0, or -1 with `failure`
 * filled. */
int spawn_prepare(struct spawn *spawn, char *const argv[], struct failure *failure);

/* Called with the child stopped, whenever it has mapped code. Returns 0, or -1 to give up. */
typedef int spawn_mapped_fn(void *context, pid_t pid, struct failure *failure);

/*
 * Runs the child through its exec and its start-up, and lets it go. Returns 0 (also where the child
 * ended on its way), or -1 with `failure` filled; then the child is killed.
 */
int spawn_run(struct spawn *spawn, const struct procfs *procfs, spawn_mapped_fn *mapped,
	      void *context, struct failure *failure);

/* Closes what the parent holds; the child goes on. Accepts a zeroed struct. */
void spawn_release(struct spawn *spawn);

#endif
