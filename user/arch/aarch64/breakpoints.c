/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: Linux, arch/arm64/include/uapi/asm/ptrace.h (struct user_hwdebug_state) and
 * asm/hw_breakpoint.h (the control word); Arm Architecture Reference Manual, DBGBCR_EL1.
 *
 * A processor has 2 to 16 watchpoints (ID_AA64DFR0_EL1), mostly 4. They report before the write,
 * where x86-64's report behind it.
 */
#include "../breakpoints.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

const int watchpoint_count = WATCHPOINTS_MAX;

struct breakpoint_registers {
	uint32_t info;
	uint32_t pad;
	struct {
		uint64_t address;
		uint32_t control;
		uint32_t pad;
	} first;
};

enum {
	ENABLED = 1,
	FROM_USER = 2 << 1,
	WHOLE_INSTRUCTION = 0xf << 5,
};

int breakpoint_set(pid_t thread, uint64_t address)
{
	struct breakpoint_registers registers = {
		.first = {.address = address,
			  .control = WHOLE_INSTRUCTION | FROM_USER | (address ? ENABLED : 0)},
	};
	struct iovec range = {&registers, sizeof(registers)};

	return ptrace(PTRACE_SETREGSET, thread, NT_ARM_HW_BREAK, &range) ? -errno : 0;
}
