/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a process has by its open files alone, so that none of it is resident in it: files of
 * tmpfs that have no name (memfd_create, or unlinked while they were open) and are not mapped, and
 * what waits in TCP and UDP sockets. It is memory of the cgroup all the same.
 *
 * Nothing of the target's is opened. What a file takes is told by statx without asking a server
 * for it, so that one that hangs is not waited for; what waits in sockets stands in the tables of
 * its network namespace. Pipes and sockets of the unix kind are left out: how full they are could
 * be told by a copy of the descriptor alone, which would keep its other end from seeing it
 * closed; each holds little.
 */
#ifndef UNFREED_OPEN_MEMORY_H
#define UNFREED_OPEN_MEMORY_H

#include "mappings.h"

/* Which process a file or socket counts for, of several that have it open as forked workers do. */
struct open_claim {
	struct file_numbers file;
	pid_t pid;
};

struct open_claims {
	struct open_claim *items;
	size_t count;
};

struct open_memory {
	uint64_t file_bytes; /* at least: what is mapped here is taken for resident */
	size_t files;
	uint64_t unread_bytes; /* that others sent */
	uint64_t unsent_bytes; /* or not taken yet by the other end */
	size_t sockets;        /* in which some wait */
	bool cut;              /* more are open, or in the tables, than were looked at */
};

/* Returns 0 or a negative errno: -ESRCH where the process is gone. */
int open_memory_read(const struct procfs *procfs, pid_t pid, struct open_claims *claims,
		     struct open_memory *memory);

/* What a process had counts for the others. */
void open_claims_drop(struct open_claims *claims, pid_t pid);
void open_claims_release(struct open_claims *claims);

#endif
