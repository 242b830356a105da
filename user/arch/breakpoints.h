/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug registers: how many writes to words a thread can have watched, and a stop of a traced child
 * at an instruction.
 */
#ifndef UNFREED_ARCH_BREAKPOINTS_H
#define UNFREED_ARCH_BREAKPOINTS_H

#include <stdint.h>
#include <sys/types.h>

enum { WATCHPOINTS_MAX = 16 };

extern const int watchpoint_count; /* of a processor, at most */

/*
 * Has a thread that we trace (ptrace), and that stands still, stop at an address: SIGTRAP,
 * TRAP_HWBKPT. 0: no more. Returns 0 or a negative errno.
 */
int breakpoint_set(pid_t thread, uint64_t address);

#endif
