/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_MEMORY_STACKS_H
#define UNFREED_MEMORY_STACKS_H

#include "pages.h"

/*
 * Which of the regions are stacks of threads, of those that the C library keeps for later threads
 * too: an array of as many bools, to be freed. NULL where there is no memory. Threads that run all
 * the time do not say where their stacks are: those are known by what lies at their end.
 */
bool *stacks_find(const struct procfs *procfs, pid_t pid, struct pages *pages);

/* Where the stack pointer of a thread is that waits in the kernel; 0: it runs, or is gone. */
uint64_t stack_pointer_read(const struct procfs *procfs, pid_t pid, pid_t thread);

/* Whether a mapping that must not be touched lies right below a region, as below most stacks. */
bool stack_has_own_guard(const struct regions *regions, const struct region *region);

#endif
