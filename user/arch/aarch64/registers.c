/* SPDX-License-Identifier: BSD-2-Clause */
/* <sys/user.h>: struct user_regs_struct: x0 to x30, sp, pc, pstate. */
#include "../registers.h"

const struct thread_registers thread_registers = {
	.count = 34,
	.stack_pointer = 31,
	.instruction_pointer = 32,
};
