/* SPDX-License-Identifier: BSD-2-Clause */
#include "../breakpoints.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

const int watchpoint_count = 4;

/* The first debug register, and its bit in the one that turns them on. */
int breakpoint_set(pid_t thread, uint64_t address)
{
	size_t base = offsetof(struct user, u_debugreg);
	uint64_t enable = address ? 1 : 0;

	if (ptrace(PTRACE_POKEUSER, thread, (void *)base, (void *)address) ||
	    ptrace(PTRACE_POKEUSER, thread, (void *)(base + 7 * sizeof(long)), (void *)enable))
		return -errno;
	return 0;
}
